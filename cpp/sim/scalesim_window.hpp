#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sim/scalesim_folds.hpp"

/// Which words of the ifmap an output's window covers, and which of them a buffer holds.
namespace dnnaccel::sim::scalesim {

/// An output pixel, and the ifmap word where its window begins.
struct Pixel {
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::int64_t first = 0;
};

/// Pixel and window element that the array's `lane` asks for on a line of a fold; pixel -1:
/// nothing.
[[nodiscard]] std::pair<std::int64_t, std::int64_t> demand(const Folds& folds, const Lanes& lanes,
                                                           std::int64_t row_fold,
                                                           std::int64_t column_fold,
                                                           std::int64_t line, std::int64_t lane);

/// How many words of the ifmap any window covers, if weights are dense.
[[nodiscard]] std::int64_t distinct_words(const Layer& layer, const Shape& shape);

/// The words held, one bit each, and the address of every element of every window.
class Window {
 public:
  Window(const Layer& layer, const Shape& shape);

  [[nodiscard]] Pixel pixel(std::int64_t index) const;
  void advance(Pixel& pixel) const;
  /// The last element of a pixel's window that is not past the edge, or -1 if all are.
  [[nodiscard]] std::int64_t last_element(std::int64_t pixel) const;
  /// The last pixel whose window has this element within the ifmap.
  [[nodiscard]] std::int64_t last_pixel(std::int64_t element) const;
  [[nodiscard]] bool exists(std::int64_t pixel, std::int64_t element) const;
  /// The word of an element, or -1 where the window reaches past the edge.
  [[nodiscard]] std::int64_t address(std::int64_t pixel, std::int64_t element) const;

  /// Hold the words of elements [begin, end) of a window; those past the edge are none.
  void mark(const Pixel& pixel, std::int64_t begin, std::int64_t end);
  [[nodiscard]] std::int64_t held() const { return held_; }
  /// Keep what `take_back` needs to undo all that is marked from now on.
  void remember();
  void take_back();
  void forget() { remembering_ = false; }
  void flush();

 private:
  void mark_dense(const Pixel& pixel, std::int64_t begin, std::int64_t end);
  void set(std::int64_t begin, std::int64_t end);
  void set_word(std::size_t index, std::uint64_t mask);
  [[nodiscard]] std::int64_t dense(std::int64_t element) const {
    return element / kept_ * block_ + element % kept_;
  }

  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t channels_;
  std::int64_t filter_rows_;
  std::int64_t filter_columns_;
  std::int64_t row_stride_;
  std::int64_t column_stride_;
  std::int64_t pixel_rows_;
  std::int64_t pixel_columns_;
  std::int64_t kept_;
  std::int64_t block_;
  std::int64_t run_;  ///< elements of a window that lie side by side: a filter row, all channels
  std::vector<std::uint64_t> bits_;
  std::vector<std::size_t> touched_;  ///< words of `bits_` that are not zero
  std::int64_t held_ = 0;
  bool remembering_ = false;
  std::vector<std::pair<std::size_t, std::uint64_t>> undo_;
  std::size_t touched_then_ = 0;
  std::int64_t held_then_ = 0;
};

}  // namespace dnnaccel::sim::scalesim
