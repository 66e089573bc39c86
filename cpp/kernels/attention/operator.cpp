#include "kernels/attention/operator.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "kernels/attention/job.hpp"
#include "kernels/checks.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr const char* kWho = "attention";
/// Keys whose scores, for a block of queries, stay in the second cache beside their values.
constexpr std::int64_t kKeyBlock = 1024;
/// Queries of which those of a causal mask that see less are no fewer than a tile or two.
constexpr std::int64_t kCausalRows = 12;
/// What a multiply-accumulate takes, about.
constexpr double kMacNanoseconds = 0.012;
constexpr std::int64_t kItemsPerThread = 4;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::int64_t pieces(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }
std::int64_t fill(std::int64_t whole, std::int64_t part) { return pieces(whole, part) * part; }

}  // namespace

AttentionOperator::AttentionOperator(const Shape& queries, const Shape& keys, const Shape& values,
                                     const AttentionOptions& options)
    : Operator({{.shape = queries, .pitch = options.q_pitch},
                {.shape = keys, .pitch = options.k_pitch},
                {.shape = values, .pitch = options.v_pitch}},
               {}),
      shape_(attention_shape(queries, keys, values, options.heads, options.mask)),
      scale_(options.scale),
      causal_(options.causal),
      lengths_(options.lengths),
      matmul_(find_kernels(options.isa).matmul),
      softmax_(find_kernels(options.isa).softmax),
      key_columns_(find_kernels(options.isa), shape_.keys),
      value_columns_(find_kernels(options.isa), shape_.value_head),
      few_(shape_.queries <= kFewQueries) {
  outputs_.push_back({.shape = {shape_.batch, shape_.queries, shape_.heads * shape_.value_head},
                      .pitch = options.out_pitch});
  check_pitches();
  if (shape_.mask != Mask::none) inputs_.push_back({.shape = shape_.mask_shape()});
  if (lengths_) inputs_.push_back({.element = Element::int32, .shape = {shape_.batch}});
  const unsigned threads = checked_threads(kWho, options.threads);
  info_ = {.isa = find_kernels(options.isa).name,
           .algorithm = few_ ? "rows" : "blocks",
           .threads = threads,
           .macs = shape_.macs(),
           .operations = shape_.batch * shape_.heads * shape_.queries * shape_.keys};
  if (shape_.batch * shape_.queries * shape_.heads * shape_.value_head != 0)
    few_ ? plan_rows() : plan_blocks();
  split_ = split_work(
      items_, kMacNanoseconds * static_cast<double>(info_.macs / std::max(items_, std::int64_t{1})),
      threads);
  if (split_.threads > 1) split_.piece = 1;
  info_.scratch_bytes = worker_floats_ * sizeof(float) * threads;
  start_workers(threads);
}

void AttentionOperator::check_pitches() const {
  constexpr std::array kNames = {"q_pitch", "k_pitch", "v_pitch", "out_pitch"};
  const std::array specs = {&inputs_[0], &inputs_[1], &inputs_[2], &outputs_[0]};
  // Offsets within a block are of 32 bits.
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max() / kQueryBlock;
  for (std::size_t i = 0; i < specs.size(); ++i)
    check_range(kWho, kNames[i], specs[i]->step(), specs[i]->shape.back(), kMost);
}

void AttentionOperator::plan_blocks() {
  const AttentionShape& s = shape_;
  key_block_ =
      std::clamp(key_columns_.filled(), std::int64_t{1}, fill(kKeyBlock, key_columns_.widest()));
  // Rows that are a power of two apart would fall into few sets of the first cache.
  score_pitch_ = key_block_ + kLine;
  // No block is cut, so that where its masked keys end does not depend on the threads.
  const std::int64_t heads = s.batch * s.heads;
  const std::int64_t wanted = info_.threads > 1 ? info_.threads * kItemsPerThread : 1;
  const std::int64_t cuts = pieces(wanted, heads);
  item_share_ = fill(pieces(s.queries, cuts), kQueryBlock);
  items_ = heads * pieces(s.queries, item_share_);
  const std::int64_t values = value_columns_.filled();
  worker_floats_ = static_cast<std::size_t>(
      fill(key_columns_.filled() * s.head, kLine) + fill(s.keys * values, kLine) +
      fill(kQueryBlock * score_pitch_, kLine) + fill(kQueryBlock * values, kLine));
  score_rows_ = row_pixels(kQueryBlock, inputs_[0].step(), score_pitch_);
  sum_rows_ = row_pixels(kQueryBlock, score_pitch_, values);
  out_rows_ = row_pixels(kQueryBlock, score_pitch_, outputs_[0].step());
}

AttentionOperator::Workspace AttentionOperator::workspace(float* scratch,
                                                          unsigned worker) const noexcept {
  float* const keys = scratch + worker * worker_floats_;
  if (few_) return {.keys = nullptr, .values = nullptr, .scores = keys, .sums = nullptr};
  float* const values = keys + fill(key_columns_.filled() * shape_.head, kLine);
  float* const scores = values + fill(shape_.keys * value_columns_.filled(), kLine);
  return {.keys = keys,
          .values = values,
          .scores = scores,
          .sums = scores + fill(kQueryBlock * score_pitch_, kLine)};
}

std::int64_t AttentionOperator::used_keys(const Job& job, std::int64_t sample) const noexcept {
  if (job.lengths == nullptr) return shape_.keys;
  return std::clamp<std::int64_t>(job.lengths[sample], 0, shape_.keys);
}

std::int64_t AttentionOperator::seen_keys(std::int64_t query, std::int64_t used) const noexcept {
  if (!causal_) return used;
  return std::clamp<std::int64_t>(used - shape_.queries + query + 1, 0, used);
}

AttentionOperator::Block AttentionOperator::block_of(const Job& job, std::int64_t sample,
                                                     std::int64_t head,
                                                     std::int64_t first) const noexcept {
  const std::int64_t query = sample * shape_.queries + first;
  Block block{.queries = job.queries + query * inputs_[0].step() + head * shape_.head,
              .mask = job.mask,
              .out = job.out + query * outputs_[0].step() + head * shape_.value_head,
              .first = first,
              .rows = std::min(kQueryBlock, shape_.queries - first),
              .used = used_keys(job, sample)};
  if (shape_.mask == Mask::shared) block.mask += first * shape_.keys;
  if (shape_.mask == Mask::batch) block.mask += query * shape_.keys;
  if (shape_.mask == Mask::keys) block.mask += sample * shape_.keys;
  return block;
}

void AttentionOperator::pack(const Job& job, std::int64_t sample, std::int64_t head,
                             std::int64_t first, std::int64_t count,
                             const Workspace& work) const noexcept {
  const ColumnPanels::Source keys{
      job.keys + sample * shape_.keys * inputs_[1].step() + head * shape_.head, inputs_[1].step(),
      true};
  for (const Panel& panel : key_columns_.panels()) {
    if (panel.first + panel.width > first && panel.first < count)
      key_columns_.pack(panel, keys, 0, shape_.head, count, scale_,
                        work.keys + panel.first * shape_.head);
  }
  const ColumnPanels::Source values{
      job.values + sample * shape_.keys * inputs_[2].step() + head * shape_.value_head,
      inputs_[2].step(), false};
  for (const Panel& panel : value_columns_.panels())
    value_columns_.pack(panel, values, first, count - first, shape_.value_head, 1,
                        work.values + panel.first * shape_.keys + first * panel.row_length);
}

void AttentionOperator::compute_item(const Job& job, std::int64_t item, const Workspace& work,
                                     Packed& packed) const noexcept {
  const std::int64_t cuts = pieces(shape_.queries, item_share_);
  const std::int64_t all_heads = item / cuts;
  const std::int64_t sample = all_heads / shape_.heads;
  const std::int64_t head = all_heads % shape_.heads;
  const std::int64_t first = item % cuts * item_share_;
  const std::int64_t end = std::min(first + item_share_, shape_.queries);
  const std::int64_t needed = seen_keys(end - 1, used_keys(job, sample));
  if (packed.head != all_heads) packed = {.head = all_heads, .keys = 0};
  if (needed > packed.keys) pack(job, sample, head, packed.keys, needed, work);
  packed.keys = std::max(packed.keys, needed);
  for (std::int64_t query = first; query < end; query += kQueryBlock)
    compute_block(block_of(job, sample, head, query), work);
}

std::int64_t AttentionOperator::blind_rows(const Block& block, std::int64_t key) const noexcept {
  return std::clamp<std::int64_t>(key + shape_.queries - block.used - block.first, 0, block.rows);
}

void AttentionOperator::score(const Block& block, std::int64_t first, std::int64_t count,
                              const Workspace& work) const noexcept {
  const Run run{.input = 0, .row = 0, .length = static_cast<std::int32_t>(shape_.head)};
  TileArgs tile{.input = block.queries,
                .bias = zero_row(),
                .pixels = score_rows_.data(),
                .runs = &run,
                .run_count = 1,
                .low = -kInfinity,
                .high = kInfinity};
  const auto begin = static_cast<std::size_t>(first / key_columns_.widest());
  for (std::size_t p = begin; p < key_columns_.panels().size(); ++p) {
    const Panel& panel = key_columns_.panels()[p];
    if (panel.first >= first + count) break;
    tile.panel = work.keys + panel.first * shape_.head;
    tile.output = work.scores + panel.first - first;
    tile.width = panel.row_length;  // what lies beyond the keys is not read
    // Of a causal mask's queries, the first see none of the last keys.
    const std::int64_t blind = causal_ ? blind_rows(block, panel.first) : 0;
    tile.pixels = score_rows_.data() + blind;
    multiply(panel.kernels, tile, static_cast<std::int32_t>(block.rows - blind));
  }
}

void AttentionOperator::add_values(const Block& block, std::int64_t first, std::int64_t count,
                                   bool last, const Workspace& work) const noexcept {
  const bool direct = first == 0 && last;
  Run run{.input = 0, .row = static_cast<std::int32_t>(first)};
  TileArgs tile{.input = work.scores,
                .bias = first == 0 ? zero_row() : nullptr,
                .runs = &run,
                .run_count = 1,
                .low = -kInfinity,
                .high = kInfinity};
  for (const Panel& panel : value_columns_.panels()) {
    tile.panel = work.values + panel.first * shape_.keys;
    tile.output = (direct ? block.out : work.sums) + panel.first;
    tile.width = direct ? panel.width : panel.row_length;
    // A causal mask's weights of 0 are multiplied as far as the last of a few queries needs it.
    const std::int64_t step = causal_ ? kCausalRows : block.rows;
    for (std::int64_t row = 0; row < block.rows; row += step) {
      const std::int64_t end = std::min(row + step, block.rows);
      const std::int64_t seen = seen_keys(block.first + end - 1, block.used) - first;
      run.length = static_cast<std::int32_t>(std::clamp<std::int64_t>(seen, 0, count));
      tile.pixels = (direct ? out_rows_ : sum_rows_).data() + row;
      multiply(panel.kernels, tile, static_cast<std::int32_t>(end - row));
    }
  }
}

void AttentionOperator::compute_block(const Block& block, const Workspace& work) const noexcept {
  const std::int64_t end = seen_keys(block.first + block.rows - 1, block.used);
  const std::int64_t out_step = outputs_[0].step();
  const std::int64_t filled = value_columns_.filled();
  std::array<SoftmaxRow, kQueryBlock> rows;
  rows.fill({.peak = kNothingSeen});
  for (std::int64_t first = 0; first == 0 || first < end; first += key_block_) {
    const std::int64_t count = std::min(key_block_, end - first);
    score(block, first, count, work);
    for (std::int64_t r = 0; r < block.rows; ++r)
      rows[static_cast<std::size_t>(r)].count =
          std::clamp<std::int64_t>(seen_keys(block.first + r, block.used) - first, 0, count);
    softmax_->exponentials({.scores = work.scores,
                            .pitch = score_pitch_,
                            .mask = block.mask == nullptr ? nullptr : block.mask + first,
                            .mask_pitch = shape_.mask == Mask::keys ? 0 : shape_.keys,
                            .filled = count,
                            .rows = rows.data(),
                            .row_count = block.rows});
    for (std::int64_t r = 0; first != 0 && r < block.rows; ++r) {
      float* const sums = work.sums + r * filled;
      softmax_->scale(sums, sums, filled, rows[static_cast<std::size_t>(r)].kept);
    }
    add_values(block, first, count, first + count >= end, work);
  }
  const bool direct = end <= key_block_;
  for (std::int64_t r = 0; r < block.rows; ++r) {
    const float sum = rows[static_cast<std::size_t>(r)].sum;
    float* const out = block.out + r * out_step;
    finish_row(direct ? out : work.sums + r * filled, out, sum);
  }
}

void AttentionOperator::finish_row(const float* sums, float* out, float sum) const noexcept {
  // A query that has seen nothing gives zeros, whatever the values.
  if (sum == 0)
    std::fill_n(out, shape_.value_head, 0.0F);
  else
    softmax_->scale(sums, out, shape_.value_head, 1 / sum);
}

void AttentionOperator::run(const void* const* inputs, void* const* outputs,
                            void* scratch) const noexcept {
  const bool masked = shape_.mask != Mask::none;
  const Job job{
      .queries = static_cast<const float*>(inputs[0]),
      .keys = static_cast<const float*>(inputs[1]),
      .values = static_cast<const float*>(inputs[2]),
      .mask = masked ? static_cast<const float*>(inputs[3]) : nullptr,
      .lengths = lengths_ ? static_cast<const std::int32_t*>(inputs[masked ? 4 : 3]) : nullptr,
      .out = static_cast<float*>(outputs[0])};
  run_split(split_, [&](unsigned worker, std::int64_t first, std::int64_t end) {
    const Workspace own = workspace(static_cast<float*>(scratch), worker);
    Packed packed;
    for (std::int64_t item = first; item < end; ++item) {
      if (few_)
        compute_rows(job, item, own);
      else
        compute_item(job, item, own, packed);
    }
  });
}

}  // namespace dnnaccel::kernels
