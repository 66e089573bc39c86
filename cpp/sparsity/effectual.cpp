#include "sparsity/effectual.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sparsity/formats.hpp"

namespace dnnaccel::sparsity {

namespace {

using problem::Axis;
using problem::Problem;
using problem::Role;
using problem::Tensor;

constexpr std::uint64_t kMaxPoints = 1ULL << 26;
constexpr std::int64_t kMaxAxisPoints = 1LL << 20;
constexpr std::int64_t kMostRows = 255;  // whose sum fits a byte
constexpr std::size_t kBlock = 16;       // bytes of a vector on every 64-bit machine
using Block [[gnu::vector_size(kBlock)]] = std::uint8_t;

/// Coordinates first, first + step, ... of an axis, whose words count for point `point` of it.
struct Run {
  std::int64_t point = 0;
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

/// How an axis of a tensor becomes an axis of points.
struct Contraction {
  std::int64_t size = 1;    // coordinates
  std::int64_t points = 1;  // values of the shared dims on it
  bool same = false;        // every coordinate is a point of its own; has no runs
  bool whole = false;       // all coordinates make one point
  std::vector<Run> runs;

  [[nodiscard]] std::int64_t steps() const {
    return same ? size : static_cast<std::int64_t>(runs.size());
  }
  [[nodiscard]] Run run(std::int64_t i) const {
    return same ? Run{i, i, 1, 1} : runs[static_cast<std::size_t>(i)];
  }
};

/// Where base + i * step lies within the axis for i = 0 .. bound - 1; i of the first in `point`.
Run clipped(const Axis& axis, std::int64_t base, std::int64_t step, std::int64_t bound) {
  const std::int64_t low = base >= 0 ? 0 : (step - 1 - base) / step;
  const std::int64_t high = base >= axis.size ? 0 : (axis.size - 1 - base) / step + 1;
  return {.point = low,
          .first = base + low * step,
          .step = step,
          .count = std::max<std::int64_t>(0, std::min(high, bound) - low)};
}

/// One term of an axis and whether both operands have its dim; an absent term has bound 1.
struct Side {
  std::int64_t bound = 1;
  std::int64_t step = 1;
  bool kept = false;
  std::int64_t stride = 1;  // of its values among the points of the axis
};

Contraction contraction(const Problem& problem, const Axis& axis, std::uint32_t shared) {
  Side inner;
  Side outer;
  for (std::size_t t = axis.terms.size(); t-- > 0;) {
    const problem::Term& term = axis.terms[t];
    outer = inner;
    inner = {.bound = problem.bounds[static_cast<std::size_t>(term.dim)],
             .step = term.coefficient,
             .kept = (shared >> term.dim & 1) != 0};
  }
  if (inner.kept && outer.kept) inner.stride = outer.bound;
  if (inner.kept && !outer.kept) std::swap(inner, outer);  // what is summed makes long runs
  Contraction out{.size = axis.size,
                  .points = (inner.kept ? inner.bound : 1) * (outer.kept ? outer.bound : 1)};
  const bool plain = axis.terms.size() == 1 && axis.offset == 0 && axis.terms[0].coefficient == 1 &&
                     problem.bounds[static_cast<std::size_t>(axis.terms[0].dim)] == axis.size;
  out.same = plain && outer.kept;
  out.whole = plain && !outer.kept;
  if (out.same) return out;
  if (out.points > kMaxAxisPoints) {
    throw std::invalid_argument("effectual MACs: an axis on which operands share over 2^20 points");
  }
  for (std::int64_t o = 0; o < outer.bound; ++o) {
    const Run all = clipped(axis, axis.offset + o * outer.step, inner.step, inner.bound);
    const std::int64_t point = outer.kept ? o * outer.stride : 0;
    if (!inner.kept) {
      if (all.count > 0) out.runs.push_back({point, all.first, all.step, all.count});
      continue;
    }
    for (std::int64_t i = 0; i < all.count; ++i) {
      out.runs.push_back({point + (all.point + i) * inner.stride, all.first + i * all.step, 1, 1});
    }
  }
  // Windows that differ in few rows stand behind one another.
  std::sort(out.runs.begin(), out.runs.end(), [](const Run& a, const Run& b) {
    return std::tuple(a.first % a.step, a.first, a.point) <
           std::tuple(b.first % b.step, b.first, b.point);
  });
  return out;
}

/// Axes without extent are dropped and neighbours that are treated alike become one, so that the
/// last two are as long as can be.
std::vector<Contraction> contractions(const Problem& problem, const Tensor& tensor,
                                      std::uint32_t shared) {
  std::vector<Contraction> out;
  for (const Axis& axis : tensor.axes) {
    Contraction next = contraction(problem, axis, shared);
    const bool trivial =
        next.size == 1 && next.points == 1 && next.steps() == 1 && next.run(0).count == 1;
    if (trivial) continue;
    const bool merges =
        !out.empty() && ((next.same && out.back().same) || (next.whole && out.back().whole));
    if (!merges) {
      out.push_back(std::move(next));
      continue;
    }
    Contraction& last = out.back();
    last.size *= next.size;
    last.points *= next.points;
    if (last.whole) last.runs = {{0, 0, 1, last.size}};
  }
  while (out.size() < 2)
    out.insert(out.begin(), Contraction{.whole = true, .runs = {{0, 0, 1, 1}}});
  return out;
}

class Counter {
 public:
  Counter(std::vector<Contraction> axes, Mask mask) : axes_(std::move(axes)), mask_(mask) {
    std::uint64_t points = 1;
    for (const Contraction& axis : axes_) {
      points *= static_cast<std::uint64_t>(axis.points);
      if (points > kMaxPoints) {
        throw std::invalid_argument("effectual MACs: operands that share more than 2^26 points");
      }
    }
    counts_.resize(points);
    words_.assign(axes_.size() + 1, 1);
    points_.assign(axes_.size() + 1, 1);
    for (std::size_t a = axes_.size(); a-- > 0;) {
      words_[a] = words_[a + 1] * axes_[a].size;
      points_[a] = points_[a + 1] * axes_[a].points;
    }
    const auto size = static_cast<std::size_t>(axes_.back().whole ? 0 : axes_.back().size);
    const std::size_t row = (size + kBlock - 1) / kBlock * kBlock;
    narrow_.resize(row);
  }

  std::vector<std::uint64_t> count() && {
    visit(0, 0, 0);
    return std::move(counts_);
  }

 private:
  void visit(std::size_t a, std::int64_t word, std::int64_t point) {
    if (a + 2 == axes_.size()) return plane(word, point);
    for (std::int64_t s = 0; s < axes_[a].steps(); ++s) {
      const Run run = axes_[a].run(s);
      for (std::int64_t i = 0; i < run.count; ++i) {
        visit(a + 1, word + (run.first + i * run.step) * words_[a + 1],
              point + run.point * points_[a + 1]);
      }
    }
  }

  /// The last two axes: sum rows where they lie, then the sum along itself.
  void plane(std::int64_t word, std::int64_t point) {
    const Contraction& rows = axes_[axes_.size() - 2];
    const Contraction& row = axes_.back();
    held_ = {};
    for (std::int64_t s = 0; s < rows.steps(); ++s) {
      const Run run = rows.run(s);
      std::uint64_t* counts = counts_.data() + point + run.point * row.points;
      if (row.whole) {
        for (std::int64_t i = 0; i < run.count; ++i) {
          *counts += count_nonzero({row_of(word, run, i), static_cast<std::size_t>(row.size)});
        }
        continue;
      }
      for (std::int64_t done = 0; done < run.count; done += kMostRows) {
        sum_rows(word, {.first = run.first + done * run.step,
                        .step = run.step,
                        .count = std::min(run.count - done, kMostRows)});
        add_sums(row, counts);
      }
    }
  }

  /// What narrow_ holds, to the points that the last axis makes of it.
  void add_sums(const Contraction& row, std::uint64_t* counts) const {
    if (row.same) {
      for (std::int64_t i = 0; i < row.size; ++i) counts[i] += narrow_[static_cast<std::size_t>(i)];
      return;
    }
    for (const Run& along : row.runs) {
      const std::uint8_t* from = narrow_.data() + along.first;
      std::uint64_t sum = 0;
      if (along.step == 1) {  // the same, but for the compiler to see it
        for (std::int64_t i = 0; i < along.count; ++i) sum += from[i];
      } else {
        for (std::int64_t i = 0; i < along.count; ++i) sum += from[i * along.step];
      }
      counts[along.point] += sum;
    }
  }

  [[nodiscard]] const std::uint8_t* row_of(std::int64_t word, const Run& run,
                                           std::int64_t i) const {
    return mask_.data() + word + (run.first + i * run.step) * words_[axes_.size() - 1];
  }

  /// narrow_ = sum of the rows of a run, of which there are at most kMostRows.
  void sum_rows(std::int64_t word, const Run& run) {
    if (!slide(word, run)) {
      std::fill(narrow_.begin(), narrow_.end(), std::uint8_t{0});
      for (std::int64_t i = 0; i < run.count; ++i) add_row<1>(row_of(word, run, i));
    }
    held_ = run;
  }

  /// Windows overlap: go from the rows that narrow_ holds to these, if fewer than these change.
  bool slide(std::int64_t word, const Run& run) {
    const std::int64_t shift = (run.first - held_.first) / run.step;
    const bool apart = held_.count == 0 || held_.step != run.step ||
                       shift * run.step != run.first - held_.first || shift < 0 ||
                       shift >= held_.count || shift + run.count < held_.count ||
                       2 * shift + run.count - held_.count >= run.count;
    if (apart) return false;
    for (std::int64_t i = 0; i < shift; ++i) add_row<-1>(row_of(word, held_, i));
    for (std::int64_t i = held_.count - shift; i < run.count; ++i) {
      add_row<1>(row_of(word, run, i));
    }
    return true;
  }

  template <int sign>
  void add_row(const std::uint8_t* row) {
    // A short row is read on into the next one, where there is one, so that all of it is done in
    // whole vectors; what the sums hold behind the row is not looked at.
    const auto left = static_cast<std::size_t>(mask_.data() + mask_.size() - row);
    if (left >= narrow_.size()) return add_blocks<sign>(row);
    const auto size = static_cast<std::size_t>(axes_.back().size);
    for (std::size_t x = 0; x < size; ++x) {
      narrow_[x] = static_cast<std::uint8_t>(narrow_[x] + (row[x] != 0 ? sign : 0));
    }
  }

  template <int sign>
  void add_blocks(const std::uint8_t* row) {
    const std::size_t size = narrow_.size();
    std::uint8_t* sums = narrow_.data();
    for (std::size_t x = 0; x < size; x += kBlock) {
      Block words;
      Block sum;
      std::memcpy(&words, row + x, kBlock);
      std::memcpy(&sum, sums + x, kBlock);
      const Block minus_one = reinterpret_cast<Block>(words != 0);  // 255 where a word is not zero
      sum = sign > 0 ? sum - minus_one : sum + minus_one;
      std::memcpy(sums + x, &sum, kBlock);
    }
  }

  std::vector<Contraction> axes_;
  Mask mask_;
  std::vector<std::uint64_t> counts_;
  std::vector<std::int64_t> words_;   // words of a step along the axis before
  std::vector<std::int64_t> points_;  // points of it
  std::vector<std::uint8_t> narrow_;
  Run held_;  // the run whose rows narrow_ sums; of none if its count is 0
};

/// Words that are not zero at each shared point of a tensor, in the order of its axes' terms.
std::vector<std::uint64_t> point_counts(const Problem& problem, Role role, Mask mask,
                                        std::uint32_t shared) {
  const Tensor& tensor = problem.tensor(role);
  if (mask.size() != tensor.words()) {
    throw std::invalid_argument("effectual MACs: " + std::string(problem::name(role)) + " have " +
                                std::to_string(tensor.words()) + " words, their mask " +
                                std::to_string(mask.size()));
  }
  return Counter(contractions(problem, tensor, shared), mask).count();
}

std::vector<int> shared_dims(const Tensor& tensor, std::uint32_t shared) {
  std::vector<int> dims;
  for (const Axis& axis : tensor.axes) {
    for (const problem::Term& term : axis.terms) {
      if ((shared >> term.dim & 1) != 0) dims.push_back(term.dim);
    }
  }
  return dims;
}

/// Product of the bounds of the dims that are not in `dims`.
std::uint64_t rest_of(const Problem& problem, std::uint32_t dims) {
  std::uint64_t product = 1;
  for (int d = 0; d < problem.dims(); ++d) {
    if ((dims >> d & 1) == 0) {
      product *= static_cast<std::uint64_t>(problem.bounds[static_cast<std::size_t>(d)]);
    }
  }
  return product;
}

/// Sum over the shared points of left x right, whose dims may stand in different orders.
std::uint64_t dot(const Problem& problem, const std::vector<std::uint64_t>& left,
                  const std::vector<int>& left_dims, const std::vector<std::uint64_t>& right,
                  const std::vector<int>& right_dims) {
  std::array<std::size_t, problem::kMaxDims> stride{};
  std::size_t next = 1;
  for (std::size_t i = right_dims.size(); i-- > 0;) {
    stride[static_cast<std::size_t>(right_dims[i])] = next;
    next *= static_cast<std::size_t>(problem.bounds[static_cast<std::size_t>(right_dims[i])]);
  }
  std::array<std::int64_t, problem::kMaxDims> at{};
  std::size_t position = 0;  // in `right`
  std::uint64_t sum = 0;
  for (const std::uint64_t words : left) {
    sum += words * right[position];
    for (std::size_t i = left_dims.size(); i-- > 0;) {
      const auto dim = static_cast<std::size_t>(left_dims[i]);
      position += stride[dim];
      if (++at[dim] < problem.bounds[dim]) break;
      position -= stride[dim] * static_cast<std::size_t>(problem.bounds[dim]);
      at[dim] = 0;
    }
  }
  return sum;
}

}  // namespace

std::uint64_t effectual_macs(const Problem& problem, std::optional<Mask> inputs,
                             std::optional<Mask> weights) {
  if (!inputs && !weights) return problem.macs();
  const std::uint32_t input_dims = problem.tensor(Role::inputs).dims();
  const std::uint32_t weight_dims = problem.tensor(Role::weights).dims();
  if (!inputs || !weights) {
    const Role role = inputs ? Role::inputs : Role::weights;
    const auto counts = point_counts(problem, role, inputs ? *inputs : *weights, 0);
    return counts.front() * rest_of(problem, inputs ? input_dims : weight_dims);
  }
  const std::uint32_t shared = input_dims & weight_dims;
  const auto left = point_counts(problem, Role::inputs, *inputs, shared);
  const auto right = point_counts(problem, Role::weights, *weights, shared);
  return dot(problem, left, shared_dims(problem.tensor(Role::inputs), shared), right,
             shared_dims(problem.tensor(Role::weights), shared)) *
         rest_of(problem, input_dims | weight_dims);
}

}  // namespace dnnaccel::sparsity
