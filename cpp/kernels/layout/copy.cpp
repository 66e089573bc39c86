#include "kernels/layout/copy.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace dnnaccel::kernels {

namespace {

constexpr std::size_t kMostAxes = 32;
/// Values of a piece of rows.
constexpr std::int64_t kPieceValues = 16384;
/// Of a piece of a transposed matrix: rows of the output, and values of each.
constexpr std::int64_t kTransposedRows = 16;
constexpr std::int64_t kTransposedValues = 1024;
constexpr double kValueNanoseconds = 0.1;

/// Axes that have one value, or lie within another in both orders, disappear.
std::vector<CopyAxis> merged(std::vector<CopyAxis> axes) {
  std::erase_if(axes, [](const CopyAxis& axis) { return axis.size == 1; });
  std::stable_sort(axes.begin(), axes.end(),
                   [](const CopyAxis& a, const CopyAxis& b) { return a.to > b.to; });
  std::vector<CopyAxis> kept;
  for (const CopyAxis& axis : axes) {
    if (!kept.empty() && kept.back().from == axis.from * axis.size &&
        kept.back().to == axis.to * axis.size) {
      kept.back() = {kept.back().size * axis.size, axis.from, axis.to};
    } else {
      kept.push_back(axis);
    }
  }
  return kept;
}

}  // namespace

StridedCopy::StridedCopy(std::vector<CopyAxis> axes, const KernelSet& kernels, unsigned threads)
    : kernels_(kernels.layout), outer_(merged(std::move(axes))) {
  choose_matrix();
  choose_strips();
  std::int64_t pieces = inner_strips_ * across_strips_;
  for (const CopyAxis& axis : outer_) pieces *= axis.size;
  split_ = split_work(pieces, kValueNanoseconds * static_cast<double>(inner_strip_ * across_strip_),
                      threads);
  start_workers(split_.threads);
}

void StridedCopy::choose_matrix() {
  if (outer_.empty()) return;
  inner_ = outer_.back();
  outer_.pop_back();
  if (inner_.from == 1 && inner_.to == 1) {
    if (outer_.empty()) return;
    across_ = outer_.back();
    outer_.pop_back();
    return;
  }
  transposed_ = true;
  if (inner_.to == 1) {
    const auto across = std::find_if(outer_.rbegin(), outer_.rend(),
                                     [](const CopyAxis& axis) { return axis.from == 1; });
    if (across == outer_.rend()) return;  // a matrix of one column
    across_ = *across;
    outer_.erase(std::next(across).base());
    return;
  }
  // Nothing is next to each other in the output: a matrix of one row, or single values.
  if (inner_.from == 1)
    across_ = inner_;
  else
    outer_.push_back(inner_);
  inner_ = {1, 1, 1};
}

void StridedCopy::choose_strips() {
  const std::int64_t inner = std::max<std::int64_t>(inner_.size, 1);
  const std::int64_t across = std::max<std::int64_t>(across_.size, 1);
  if (!transposed_) {
    inner_strip_ = std::min(inner, kPieceValues);
    across_strip_ = std::min(across, std::max<std::int64_t>(kPieceValues / inner, 1));
  } else if (inner <= kMostDealt || across <= kMostDealt) {
    inner_strip_ = inner <= kMostDealt ? inner : std::min(inner, kPieceValues / across);
    across_strip_ = across <= kMostDealt ? across : std::min(across, kPieceValues / inner);
  } else {
    inner_strip_ = std::min(inner, kTransposedValues);
    across_strip_ = std::min(across, kTransposedRows);
  }
  inner_strips_ = (inner_.size + inner_strip_ - 1) / inner_strip_;
  across_strips_ = (across_.size + across_strip_ - 1) / across_strip_;
}

void StridedCopy::run(const float* from, float* to) const noexcept {
  run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
    copy_pieces(from, to, first, end);
  });
}

void StridedCopy::copy_pieces(const float* from, float* to, std::int64_t first,
                              std::int64_t end) const noexcept {
  // Where the outer axes are, the last fastest: found by division once, then counted on.
  const std::int64_t pieces = inner_strips_ * across_strips_;
  std::array<std::int64_t, kMostAxes> at{};
  std::int64_t piece = first % pieces;
  std::int64_t rest = first / pieces;
  for (std::size_t axis = outer_.size(); axis-- > 0;) {
    at[axis] = rest % outer_[axis].size;
    rest /= outer_[axis].size;
    from += at[axis] * outer_[axis].from;
    to += at[axis] * outer_[axis].to;
  }
  for (std::int64_t unit = first; unit < end; ++unit) {
    copy_piece(from, to, piece);
    if (++piece < pieces) continue;
    piece = 0;
    for (std::size_t axis = outer_.size(); axis-- > 0;) {
      from += outer_[axis].from;
      to += outer_[axis].to;
      if (++at[axis] < outer_[axis].size) break;
      from -= outer_[axis].size * outer_[axis].from;
      to -= outer_[axis].size * outer_[axis].to;
      at[axis] = 0;
    }
  }
}

void StridedCopy::copy_piece(const float* from, float* to, std::int64_t piece) const noexcept {
  const std::int64_t inner = piece % inner_strips_ * inner_strip_;
  const std::int64_t across = piece / inner_strips_ * across_strip_;
  const std::int64_t inners = std::min(inner_strip_, inner_.size - inner);
  const std::int64_t acrosses = std::min(across_strip_, across_.size - across);
  from += inner * inner_.from + across * across_.from;
  to += inner * inner_.to + across * across_.to;
  if (transposed_) {
    kernels_->transpose({.from = from,
                         .from_step = inner_.from,
                         .to = to,
                         .to_step = across_.to,
                         .rows = inners,
                         .columns = acrosses});
  } else {
    kernels_->copy({.from = from,
                    .from_step = across_.from,
                    .to = to,
                    .to_step = across_.to,
                    .rows = acrosses,
                    .columns = inners});
  }
}

}  // namespace dnnaccel::kernels
