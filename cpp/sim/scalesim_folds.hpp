#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/scalesim.hpp"

/// Which lane of the array asks for which word on which line: the shapes of demands, in closed
/// form.
namespace dnnaccel::sim::scalesim {

enum class Operand : std::uint8_t { ifmap, filter, ofmap };

/// The words of one operand in one fold: `count` lanes, each with `length` words on consecutive
/// lines. With skew, every lane starts one line after its neighbour. Words are numbered line by
/// line, and within a line by lane.
struct Lanes {
  std::int64_t count = 0;
  std::int64_t length = 0;
  std::int64_t first = 0;
  bool skewed = false;

  [[nodiscard]] std::int64_t words() const { return count * length; }
  /// The line after the last one with a word.
  [[nodiscard]] std::int64_t end() const { return first + length + (skewed ? count - 1 : 0); }
  /// Words on lines before `line`.
  [[nodiscard]] std::int64_t before(std::int64_t line) const;
  /// The line of a word.
  [[nodiscard]] std::int64_t line_of(std::int64_t word) const;
};

/// A layer as matrices: A (pixels x window) times B (window x filters).
struct Shape {
  std::int64_t pixel_rows = 0;
  std::int64_t pixel_columns = 0;
  std::int64_t dense_window = 0;  ///< rows of B before any were left out
  std::int64_t window = 0;        ///< rows of B that are there
  std::int64_t filters = 0;

  explicit Shape(const Layer& layer);
  [[nodiscard]] std::int64_t pixels() const { return pixel_rows * pixel_columns; }
};

/// The folds of a layer, column folds outside and row folds inside, each of `lines` lines.
struct Folds {
  Dataflow dataflow;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_span = 0;     ///< what is spread over the rows of the array (SCALE-Sim's Sr)
  std::int64_t column_span = 0;  ///< and over its columns (Sc)
  std::int64_t steps = 0;        ///< what streams through (T)
  std::int64_t row_folds = 0;
  std::int64_t column_folds = 0;
  std::int64_t lines = 0;

  Folds(const Shape& shape, const Config& config);

  [[nodiscard]] std::int64_t folds() const { return row_folds * column_folds; }
  [[nodiscard]] std::int64_t used_rows(std::int64_t row_fold) const {
    return std::min(rows, row_span - row_fold * rows);
  }
  [[nodiscard]] std::int64_t used_columns(std::int64_t column_fold) const {
    return std::min(columns, column_span - column_fold * columns);
  }
  [[nodiscard]] Lanes lanes(Operand operand, std::int64_t row_fold, std::int64_t column_fold) const;
  /// Words in all row folds of a column fold.
  [[nodiscard]] std::int64_t column_words(Operand operand, std::int64_t column_fold) const;
  [[nodiscard]] std::int64_t words(Operand operand) const;
  /// Words on lines before `line`, counted through all folds.
  [[nodiscard]] std::int64_t before(Operand operand, std::int64_t line) const;
  [[nodiscard]] std::int64_t line_of(Operand operand, std::int64_t word) const;
};

}  // namespace dnnaccel::sim::scalesim
