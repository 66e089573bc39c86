#include "kernels/layout/copy.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace dnnaccel::kernels {

namespace {

constexpr std::size_t kMostAxes = 32;
/// Rows of the output that are transposed together: a cache line of the input.
constexpr std::int64_t kStrip = 16;
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

StridedCopy::StridedCopy(std::vector<CopyAxis> axes, unsigned threads) : outer_(merged(axes)) {
  if (!outer_.empty()) {
    inner_ = outer_.back();
    outer_.pop_back();
  }
  way_ = inner_.from == 1 && inner_.to == 1 ? Way::rows : Way::values;
  if (way_ == Way::values) {
    const auto across = std::find_if(outer_.rbegin(), outer_.rend(),
                                     [](const CopyAxis& axis) { return axis.from == 1; });
    if (across != outer_.rend()) {
      way_ = Way::transpose;
      across_ = *across;
      strips_ = (across_.size + kStrip - 1) / kStrip;
      outer_.erase(std::next(across).base());
    }
  }
  std::int64_t units = strips_;
  for (const CopyAxis& axis : outer_) units *= axis.size;
  if (inner_.size == 0) units = 0;
  const auto values = static_cast<double>(inner_.size * std::min(across_.size, kStrip));
  split_ = split_work(units, kValueNanoseconds * values, threads);
  start_workers(split_.threads);
}

const char* StridedCopy::algorithm() const {
  constexpr const char* kNames[] = {"rows", "transpose", "values"};
  return kNames[static_cast<std::size_t>(way_)];
}

void StridedCopy::run(const float* from, float* to) const noexcept {
  run_split(split_, [&](unsigned, std::int64_t first, std::int64_t end) {
    copy_pieces(from, to, first, end);
  });
}

void StridedCopy::copy_pieces(const float* from, float* to, std::int64_t first,
                              std::int64_t end) const noexcept {
  // Where the outer axes are, the last fastest: found by division once, then counted on.
  std::array<std::int64_t, kMostAxes> at{};
  std::int64_t strip = first % strips_;
  std::int64_t rest = first / strips_;
  for (std::size_t axis = outer_.size(); axis-- > 0;) {
    at[axis] = rest % outer_[axis].size;
    rest /= outer_[axis].size;
    from += at[axis] * outer_[axis].from;
    to += at[axis] * outer_[axis].to;
  }
  for (std::int64_t unit = first; unit < end; ++unit) {
    copy_piece(from, to, strip);
    if (++strip < strips_) continue;
    strip = 0;
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

void StridedCopy::copy_piece(const float* from, float* to, std::int64_t strip) const noexcept {
  if (way_ == Way::rows) {
    std::memcpy(to, from, static_cast<std::size_t>(inner_.size) * sizeof(float));
    return;
  }
  if (way_ == Way::values) {
    for (std::int64_t i = 0; i < inner_.size; ++i) to[i * inner_.to] = from[i * inner_.from];
    return;
  }
  const std::int64_t begin = strip * kStrip;
  const std::int64_t end = std::min(begin + kStrip, across_.size);
  for (std::int64_t square = 0; square < inner_.size; square += kStrip) {
    const std::int64_t last = std::min(square + kStrip, inner_.size);
    for (std::int64_t a = begin; a < end; ++a) {
      for (std::int64_t i = square; i < last; ++i)
        to[a * across_.to + i * inner_.to] = from[a + i * inner_.from];
    }
  }
}

}  // namespace dnnaccel::kernels
