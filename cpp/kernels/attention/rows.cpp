#include <algorithm>
#include <array>

#include "kernels/attention/job.hpp"
#include "kernels/attention/operator.hpp"

// Attention of few queries, as when a sequence is continued token by token: it is as fast as keys
// and values can be read, so they are read once, in the order in which they lie.
namespace dnnaccel::kernels {

namespace {

/// Tokens that are gone through for one head after the other: what the first cache holds of them.
constexpr std::int64_t kTokens = 16;
constexpr std::int64_t kItemsPerThread = 2;

}  // namespace

void AttentionOperator::plan_rows() {
  const std::int64_t wanted = info_.threads > 1 ? info_.threads * kItemsPerThread : 1;
  const std::int64_t cuts = (wanted + shape_.batch - 1) / shape_.batch;
  item_share_ = std::max((shape_.heads + cuts - 1) / cuts, std::int64_t{1});
  items_ = shape_.batch * ((shape_.heads + item_share_ - 1) / item_share_);
  score_pitch_ = (shape_.keys + kLine - 1) / kLine * kLine + kLine;
  worker_floats_ = static_cast<std::size_t>(item_share_ * shape_.queries * score_pitch_);
}

void AttentionOperator::compute_rows(const Job& job, std::int64_t item,
                                     const Workspace& work) const noexcept {
  const AttentionShape& s = shape_;
  const std::int64_t groups = (s.heads + item_share_ - 1) / item_share_;
  const std::int64_t sample = item / groups;
  const std::int64_t first_head = item % groups * item_share_;
  const std::int64_t heads = std::min(item_share_, s.heads - first_head);
  const Block block = block_of(job, sample, first_head, 0);
  const std::int64_t end = seen_keys(s.queries - 1, block.used);
  const std::int64_t q_step = inputs_[0].step();
  const std::int64_t k_step = inputs_[1].step();
  const std::int64_t v_step = inputs_[2].step();
  const std::int64_t out_step = outputs_[0].step();
  const float* const keys = job.keys + sample * s.keys * k_step + first_head * s.head;
  const float* const values = job.values + sample * s.keys * v_step + first_head * s.value_head;
  const auto scores = [&](std::int64_t head, std::int64_t query) {
    return work.scores + (head * s.queries + query) * score_pitch_;
  };
  for (std::int64_t first = 0; first < end; first += kTokens) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t query = 0; query < s.queries; ++query)
        matmul_->dots({.x = block.queries + query * q_step + head * s.head,
                       .rows = keys + first * k_step + head * s.head,
                       .pitch = k_step,
                       .count = std::min(kTokens, end - first),
                       .depth = s.head,
                       .factor = scale_,
                       .out = scores(head, query) + first});
    }
  }
  // What a row of scores sums up to is kept behind it.
  for (std::int64_t head = 0; head < heads; ++head) {
    std::array<SoftmaxRow, kFewQueries> rows{};
    for (std::int64_t query = 0; query < s.queries; ++query)
      rows[static_cast<std::size_t>(query)] = {.count = seen_keys(query, block.used),
                                               .peak = kNothingSeen};
    softmax_->exponentials({.scores = scores(head, 0),
                            .pitch = score_pitch_,
                            .mask = block.mask,
                            .mask_pitch = s.mask == Mask::keys ? 0 : s.keys,
                            .filled = end,
                            .rows = rows.data(),
                            .row_count = s.queries});
    for (std::int64_t query = 0; query < s.queries; ++query)
      scores(head, query)[score_pitch_ - 1] = rows[static_cast<std::size_t>(query)].sum;
  }
  for (std::int64_t first = 0; first < end; first += kTokens) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t query = 0; query < s.queries; ++query)
        matmul_->combine({.weights = scores(head, query) + first,
                          .rows = values + first * v_step + head * s.value_head,
                          .pitch = v_step,
                          .count = std::min(kTokens, end - first),
                          .width = s.value_head,
                          .factor = 1,
                          .add = first != 0,
                          .out = block.out + query * out_step + head * s.value_head});
    }
  }
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::int64_t query = 0; query < s.queries; ++query) {
      float* const out = block.out + query * out_step + head * s.value_head;
      finish_row(out, out, scores(head, query)[score_pitch_ - 1]);
    }
  }
}

}  // namespace dnnaccel::kernels
