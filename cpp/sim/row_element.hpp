#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "sim/row_shape.hpp"

/// A processing element of a row-stationary array: its three scratchpads, and what is in them.
namespace dnnaccel::sim::rows {

/// What an element does in a fold.
struct Job {
  bool works = false;
  Range m, c;  ///< filters and channels
  std::int64_t g = 0;
  std::int64_t p = 0;
  std::int64_t r = 0;
  std::int64_t row = 0;  ///< of the inputs, -1 or past the end for padding
};

/// The words of a window: taps s of all channels from c on, for output column q.
struct WindowTile {
  bool there = false;
  std::int64_t n = 0, g = 0, c = 0, row = 0, q = 0, s = 0, taps = 0;

  /// Which tap here has the word that `tap` of another window wants, or -1.
  [[nodiscard]] std::int64_t find(const Window& columns, const WindowTile& other,
                                  std::int64_t tap) const {
    if (!there || n != other.n || g != other.g || c != other.c || row != other.row) return -1;
    const std::int64_t ahead = (other.q - q) * columns.stride;
    if (columns.dilation == 0 || ahead % columns.dilation != 0) return ahead == 0 ? tap : -1;
    const std::int64_t here = other.s + tap + ahead / columns.dilation - s;
    return here >= 0 && here < taps ? here : -1;
  }
};

struct FilterTile {
  bool there = false;
  std::int64_t g = 0, m = 0, c = 0, r = 0, s = 0;
  bool operator==(const FilterTile&) const = default;
};

struct SumTile {
  std::int64_t n = 0, g = 0, m = 0, p = 0, q = 0;
  auto operator<=>(const SumTile&) const = default;
};

/// Integers wrap around, as in hardware; C++ grants that to unsigned ones only.
template <typename T>
T plus(T a, T b) {
  using Number = std::conditional_t<std::is_same_v<T, std::int32_t>, std::uint32_t, T>;
  return static_cast<T>(static_cast<Number>(a) + static_cast<Number>(b));
}

template <typename T>
struct Element {
  WindowTile window_tile;
  FilterTile filter_tile;
  SumTile sum_tile;
  bool holds_sums = false;
  std::uint64_t count = 0;  ///< of its sums
  bool head = false;        ///< of its sums, the one that the buffer reckons with
  std::vector<T> window;    ///< c * taps + s
  std::vector<T> filters;   ///< (c * taps + s) * filters + m
  std::vector<T> sums;      ///< by filter

  /// One burst: every word of the window with its p weights. Returns the words that were zero,
  /// which the chip does not multiply with.
  std::uint64_t multiply() {
    using Number = std::conditional_t<std::is_same_v<T, std::int32_t>, std::uint32_t, T>;
    const std::size_t filters_here = sums.size();
    std::uint64_t zeros = 0;
    const T* __restrict weight = filters.data();
    T* __restrict sum = sums.data();
    for (const T word : window) {
      if (word == 0) {
        ++zeros;
      } else {
        for (std::size_t m = 0; m < filters_here; ++m) {
          sum[m] = static_cast<T>(static_cast<Number>(sum[m]) +
                                  static_cast<Number>(word) * static_cast<Number>(weight[m]));
        }
      }
      weight += filters_here;
    }
    return zeros;
  }
};

/// The tensors, as elements fetch words of them and bring sums back.
template <typename T>
class Store {
 public:
  Store(const Shape& shape, const Tensors<T>& tensors) : shape_(shape), tensors_(tensors) {}

  [[nodiscard]] bool there() const { return tensors_.outputs != nullptr; }

  void fill_filters(Element<T>& element, const Job& job, const FilterTile& tile,
                    std::int64_t taps) const {
    const Dims& d = shape_.dims;
    const Strides& by = shape_.weights;
    const std::int64_t base = tile.g * of(by, d.g) + tile.m * of(by, d.m) + tile.c * of(by, d.c) +
                              tile.r * of(by, d.r) + tile.s * of(by, d.s);
    element.filters.resize(static_cast<std::size_t>(job.m.size * job.c.size * taps));
    std::size_t next = 0;
    for (std::int64_t c = 0; c < job.c.size; ++c) {
      for (std::int64_t s = 0; s < taps; ++s) {
        const std::int64_t word = base + c * of(by, d.c) + s * of(by, d.s);
        for (std::int64_t m = 0; m < job.m.size; ++m) {
          element.filters[next++] = tensors_.weights[word + m * of(by, d.m)];
        }
      }
    }
  }

  /// Move an element's window on: what it has stays, what it has not is fetched.
  void fill_window(Element<T>& element, const Job& job, const WindowTile& wanted) {
    const auto taps = static_cast<std::size_t>(wanted.taps);
    const auto channels = static_cast<std::size_t>(job.c.size);
    std::swap(old_, element.window);
    element.window.resize(channels * taps);
    const Dims& d = shape_.dims;
    const std::int64_t base = wanted.n * of(shape_.inputs, d.n) +
                              wanted.g * of(shape_.inputs, d.g) +
                              wanted.c * of(shape_.inputs, d.c) + wanted.row * shape_.rows.words;
    const bool padding = !shape_.rows.holds(wanted.row);
    for (std::size_t s = 0; s < taps; ++s) {
      const auto tap = static_cast<std::int64_t>(s);
      const std::int64_t here = element.window_tile.find(shape_.columns, wanted, tap);
      const std::int64_t x = shape_.columns.at(wanted.q, wanted.s + tap);
      const bool zero = padding || !shape_.columns.holds(x);
      const auto old_taps = static_cast<std::size_t>(element.window_tile.taps);
      for (std::size_t c = 0; c < channels; ++c) {
        T& word = element.window[c * taps + s];
        if (here >= 0) {
          word = old_[c * old_taps + static_cast<std::size_t>(here)];
        } else {
          word =
              zero ? T{0}
                   : tensors_.inputs[base + static_cast<std::int64_t>(c) * of(shape_.inputs, d.c) +
                                     x * shape_.columns.words];
        }
      }
    }
  }

  /// Begun sums leave the buffer for an element.
  void take_sums(Element<T>& element) const {
    for (std::size_t m = 0; m < element.sums.size(); ++m) {
      T& output = tensors_.outputs[place(element.sum_tile, m)];
      element.sums[m] = output;
      output = T{0};
    }
  }

  /// Sums arrive in the buffer.
  void add_sums(const SumTile& tile, const std::vector<T>& sums) const {
    for (std::size_t m = 0; m < sums.size(); ++m) {
      T& output = tensors_.outputs[place(tile, m)];
      output = plus(output, sums[m]);
    }
  }

 private:
  static std::int64_t of(const Strides& strides, int dim) {
    return dim < 0 ? 0 : strides[static_cast<std::size_t>(dim)];
  }

  [[nodiscard]] std::int64_t place(const SumTile& tile, std::size_t m) const {
    const Dims& d = shape_.dims;
    const Strides& by = shape_.outputs;
    return tile.n * of(by, d.n) + tile.g * of(by, d.g) +
           (tile.m + static_cast<std::int64_t>(m)) * of(by, d.m) + tile.p * of(by, d.p) +
           tile.q * of(by, d.q);
  }

  const Shape& shape_;
  Tensors<T> tensors_;
  std::vector<T> old_;
};

}  // namespace dnnaccel::sim::rows
