#include "sim/tree_values.hpp"

#include <algorithm>
#include <type_traits>

namespace dnnaccel::sim::tree {

namespace {

using problem::Role;

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// How far one more of each dim goes in a tensor that lies in memory row by row.
struct Strides {
  std::int64_t first = 0;
  std::array<std::int64_t, problem::kMaxDims> by_dim{};

  explicit Strides(const problem::Tensor& tensor) {
    std::int64_t stride = 1;
    for (std::size_t a = tensor.axes.size(); a-- > 0;) {
      const problem::Axis& axis = tensor.axes[a];
      first += stride * axis.offset;
      for (const problem::Term& term : axis.terms) {
        by_dim[at(term.dim)] += stride * term.coefficient;
      }
      stride *= axis.size;
    }
  }

  [[nodiscard]] std::int64_t place(const Chunks& base) const {
    std::int64_t place = first;
    for (std::size_t d = 0; d < by_dim.size(); ++d) place += by_dim[d] * base[d].first;
    return place;
  }
};

/// Sums of a dim's strides over the digits of every lane.
std::vector<std::int64_t> lane_offsets(const Shape& shape, const std::vector<Lane>& lanes,
                                       const std::array<std::int64_t, problem::kMaxDims>& by_dim) {
  std::vector<std::int64_t> offsets;
  for (const Lane& lane : lanes) {
    std::int64_t offset = 0;
    for (std::size_t s = 0; s < shape.spreads.size(); ++s) {
      const Spread& spread = shape.spreads[s];
      // Digit 0, which lanes of the other axis have, stands at 0.
      offset += by_dim[at(spread.dim)] * spread.digits[lane.digits[s]].offset;
    }
    offsets.push_back(offset);
  }
  return offsets;
}

/// An axis of the inputs that reaches into padding.
struct PaddedAxis {
  problem::Axis axis;
  std::vector<std::int64_t> rows;  ///< by lane: how far behind the first element's coordinate
  std::vector<std::int64_t> columns;
  std::int64_t coordinate = 0;

  [[nodiscard]] bool has(std::int64_t behind) const {
    return coordinate + behind >= 0 && coordinate + behind < axis.size;
  }
};

bool all_zero(const std::vector<std::int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](std::int64_t value) { return value == 0; });
}

template <typename T>
class ValuesOf final : public Values {
  /// Integers wrap as they do in hardware, which unsigned ones may.
  using Sum = std::conditional_t<std::is_same_v<T, std::int32_t>, std::uint32_t, T>;

 public:
  ValuesOf(const problem::Problem& problem, const Shape& shape, const Tensors<T>& tensors,
           std::uint32_t gates)
      : tensors_(tensors),
        columns_of_array_(static_cast<std::size_t>(shape.columns)),
        gates_inputs_((gates & problem::bit(Role::inputs)) != 0),
        gates_weights_((gates & problem::bit(Role::weights)) != 0),
        inputs_(problem.tensor(Role::inputs)),
        weights_(problem.tensor(Role::weights)),
        outputs_(problem.tensor(Role::outputs)),
        row_inputs_(lane_offsets(shape, shape.row_lanes, inputs_.by_dim)),
        row_weights_(lane_offsets(shape, shape.row_lanes, weights_.by_dim)),
        column_inputs_(lane_offsets(shape, shape.column_lanes, inputs_.by_dim)),
        column_weights_(lane_offsets(shape, shape.column_lanes, weights_.by_dim)),
        column_outputs_(lane_offsets(shape, shape.column_lanes, outputs_.by_dim)),
        one_input_per_row_(all_zero(column_inputs_)) {
    for (const problem::Axis& axis : problem.tensor(Role::inputs).axes)
      add_padded(problem, shape, axis);
    if (gates != 0) gated_.resize(static_cast<std::size_t>(shape.rows * shape.columns));
  }

  void step(const Chunks& base, const LanesAtWork& lanes, bool first) override {
    if (lanes.version != lanes_.version) enter(lanes);
    hold_weights(weights_.place(base));
    for (PaddedAxis& padded : padded_) {
      padded.coordinate = padded.axis.offset;
      for (const problem::Term& term : padded.axis.terms) {
        padded.coordinate += term.coefficient * base[at(term.dim)].first;
      }
    }
    std::fill(sums_.begin(), sums_.end(), Sum{0});
    const std::int64_t place = inputs_.place(base);
    if (one_input_per_row_) {
      broadcast(place);
    } else {
      send_each(place);
    }
    ++steps_;
    T* out = tensors_.outputs + outputs_.place(base);
    for (std::size_t j = 0; j < lanes_.columns.size(); ++j) {
      T& sum = out[column_outputs_[lanes_.columns[j]]];
      sum = static_cast<T>(first ? sums_[j] : static_cast<Sum>(static_cast<Sum>(sum) + sums_[j]));
    }
  }

  void add_gated(std::vector<std::uint64_t>& gated) override {
    settle();
    for (std::size_t i = 0; i < gated_.size(); ++i) gated[i] += gated_[i];
    std::fill(gated_.begin(), gated_.end(), 0);
  }

 private:
  void add_padded(const problem::Problem& problem, const Shape& shape, const problem::Axis& axis) {
    std::int64_t low = axis.offset;
    std::int64_t high = axis.offset;
    std::array<std::int64_t, problem::kMaxDims> by_dim{};
    for (const problem::Term& term : axis.terms) {
      const std::int64_t reach = term.coefficient * (problem.bounds[at(term.dim)] - 1);
      (reach < 0 ? low : high) += reach;
      by_dim[at(term.dim)] += term.coefficient;
    }
    if (low >= 0 && high < axis.size) return;
    padded_.push_back({.axis = axis,
                       .rows = lane_offsets(shape, shape.row_lanes, by_dim),
                       .columns = lane_offsets(shape, shape.column_lanes, by_dim)});
  }

  void enter(const LanesAtWork& lanes) {
    settle();
    lanes_ = lanes;
    sums_.resize(lanes.columns.size());
    held_.resize(lanes.rows.size() * lanes.columns.size());
    zeros_.assign(lanes.rows.size(), 0);
    holds_ = false;
  }

  /// Bring the weights of this step in front of the multipliers.
  void hold_weights(std::int64_t place) {
    if (holds_ && place == place_) return;
    settle();
    Sum* held = held_.data();
    for (const std::uint32_t row : lanes_.rows) {
      const T* from = tensors_.weights + place + row_weights_[row];
      for (const std::uint32_t column : lanes_.columns) {
        *held++ = static_cast<Sum>(from[column_weights_[column]]);
      }
    }
    holds_ = true;
    place_ = place;
  }

  [[nodiscard]] bool reaches(std::uint32_t row, std::uint32_t column) const {
    for (const PaddedAxis& padded : padded_) {
      if (!padded.has(padded.rows[row] + padded.columns[column])) return false;
    }
    return true;
  }

  /// One input for all columns.
  void broadcast(std::int64_t place) {
    const std::size_t columns = lanes_.columns.size();
    Sum* __restrict sums = sums_.data();
    for (std::size_t i = 0; i < lanes_.rows.size(); ++i) {
      const std::uint32_t row = lanes_.rows[i];
      // What is padding has no place in the tensor: look only at what is there.
      const Sum input =
          reaches(row, 0) ? static_cast<Sum>(tensors_.inputs[place + row_inputs_[row]]) : Sum{0};
      if (input == Sum{0}) ++zeros_[i];
      const Sum* __restrict held = held_.data() + i * columns;
      for (std::size_t j = 0; j < columns; ++j) sums[j] += input * held[j];
    }
  }

  /// An input for every element.
  void send_each(std::int64_t place) {
    const std::size_t columns = lanes_.columns.size();
    for (std::size_t i = 0; i < lanes_.rows.size(); ++i) {
      const std::uint32_t row = lanes_.rows[i];
      const std::int64_t from = place + row_inputs_[row];
      const Sum* held = held_.data() + i * columns;
      for (std::size_t j = 0; j < columns; ++j) {
        const std::uint32_t column = lanes_.columns[j];
        const Sum input = reaches(row, column)
                              ? static_cast<Sum>(tensors_.inputs[from + column_inputs_[column]])
                              : Sum{0};
        sums_[j] += input * held[j];
        if (gates_inputs_ && input == Sum{0} && !(gates_weights_ && held[j] == Sum{0})) {
          ++gated_[row * columns_of_array_ + column];
        }
      }
    }
  }

  /// Enter what was gated in the steps since the weights came.
  void settle() {
    if (gated_.empty() || steps_ == 0) {
      steps_ = 0;
      return;
    }
    const std::size_t columns = lanes_.columns.size();
    for (std::size_t i = 0; i < lanes_.rows.size(); ++i) {
      const std::uint64_t zeros = gates_inputs_ && one_input_per_row_ ? zeros_[i] : 0;
      for (std::size_t j = 0; j < columns; ++j) {
        const bool still = gates_weights_ && held_[i * columns + j] == Sum{0};
        gated_[lanes_.rows[i] * columns_of_array_ + lanes_.columns[j]] += still ? steps_ : zeros;
      }
    }
    std::fill(zeros_.begin(), zeros_.end(), 0);
    steps_ = 0;
  }

  Tensors<T> tensors_;
  std::size_t columns_of_array_ = 1;
  bool gates_inputs_ = false;
  bool gates_weights_ = false;
  Strides inputs_;
  Strides weights_;
  Strides outputs_;
  std::vector<std::int64_t> row_inputs_;
  std::vector<std::int64_t> row_weights_;
  std::vector<std::int64_t> column_inputs_;
  std::vector<std::int64_t> column_weights_;
  std::vector<std::int64_t> column_outputs_;
  bool one_input_per_row_ = true;
  std::vector<PaddedAxis> padded_;

  LanesAtWork lanes_;
  std::vector<Sum> held_;  ///< weights in front of the multipliers, row by row
  std::int64_t place_ = 0;
  bool holds_ = false;
  std::vector<Sum> sums_;
  std::vector<std::uint64_t> zeros_;  ///< by row at work: zeros since the weights came
  std::uint64_t steps_ = 0;           ///< since the weights came
  std::vector<std::uint64_t> gated_;
};

}  // namespace

template <typename T>
std::unique_ptr<Values> make_values(const problem::Problem& problem, const Shape& shape,
                                    const Tensors<T>& tensors, std::uint32_t gates) {
  return std::make_unique<ValuesOf<T>>(problem, shape, tensors, gates);
}

template std::unique_ptr<Values> make_values(const problem::Problem&, const Shape&,
                                             const Tensors<std::int32_t>&, std::uint32_t);
template std::unique_ptr<Values> make_values(const problem::Problem&, const Shape&,
                                             const Tensors<float>&, std::uint32_t);

}  // namespace dnnaccel::sim::tree
