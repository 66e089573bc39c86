#include "sim/scalesim_folds.hpp"

#include "base/math.hpp"

namespace dnnaccel::sim::scalesim {

namespace {

/// Sum of max(x - lane, 0) over `count` lanes.
std::int64_t ramp(std::int64_t x, std::int64_t count) {
  const std::int64_t lanes = std::clamp<std::int64_t>(x, 0, count);
  return lanes * x - lanes * (lanes - 1) / 2;
}

}  // namespace

std::int64_t Lanes::before(std::int64_t line) const {
  const std::int64_t x = line - first;
  if (!skewed) return std::clamp<std::int64_t>(x, 0, length) * count;
  return ramp(x, count) - ramp(x - length, count);
}

std::int64_t Lanes::line_of(std::int64_t word) const {
  if (!skewed) return first + word / count;
  std::int64_t low = first;
  std::int64_t high = end() - 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (before(middle + 1) > word) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Shape::Shape(const Layer& layer)
    // A partial window at the edge makes an output: the quotient is rounded up.
    : pixel_rows(base::ceil_div(layer.ifmap_rows - layer.filter_rows + layer.row_stride,
                                layer.row_stride)),
      pixel_columns(base::ceil_div(layer.ifmap_columns - layer.filter_columns + layer.column_stride,
                                   layer.column_stride)),
      dense_window(layer.filter_rows * layer.filter_columns * layer.channels),
      window(dense_window / layer.block * layer.kept +
             std::min(layer.kept, dense_window % layer.block)),
      filters(layer.filters) {}

Folds::Folds(const Shape& shape, const Config& config)
    : dataflow(config.dataflow), rows(config.rows), columns(config.columns) {
  switch (dataflow) {
    case Dataflow::os:
      row_span = shape.pixels();
      column_span = shape.filters;
      steps = shape.window;
      break;
    case Dataflow::ws:
      row_span = shape.window;
      column_span = shape.filters;
      steps = shape.pixels();
      break;
    case Dataflow::is:
      row_span = shape.window;
      column_span = shape.pixels();
      steps = shape.filters;
      break;
  }
  row_folds = base::ceil_div(row_span, rows);
  column_folds = base::ceil_div(column_span, columns);
  lines = steps + rows + columns - 2 + (dataflow == Dataflow::os ? 0 : rows);
}

Lanes Folds::lanes(Operand operand, std::int64_t row_fold, std::int64_t column_fold) const {
  const std::int64_t up = used_rows(row_fold);
  const std::int64_t across = used_columns(column_fold);
  const bool os = dataflow == Dataflow::os;
  const Operand stays = dataflow == Dataflow::ws ? Operand::filter : Operand::ifmap;
  if (operand == Operand::ofmap) {
    // Outputs leave from the bottom row on; rows that the fold leaves empty come first.
    return os ? Lanes{across, up, steps - 1 + rows - up, true}
              : Lanes{across, steps, 2 * rows - 1, true};
  }
  if (os) return {operand == Operand::ifmap ? up : across, steps, 0, true};
  // What stays is loaded row by row, the last row first; the other operand streams in after that.
  if (operand == stays) return {across, up, rows - up, false};
  return {up, steps, rows, true};
}

std::int64_t Folds::column_words(Operand operand, std::int64_t column_fold) const {
  return (row_folds - 1) * lanes(operand, 0, column_fold).words() +
         lanes(operand, row_folds - 1, column_fold).words();
}

std::int64_t Folds::words(Operand operand) const {
  return (column_folds - 1) * column_words(operand, 0) + column_words(operand, column_folds - 1);
}

std::int64_t Folds::before(Operand operand, std::int64_t line) const {
  if (line >= folds() * lines) return words(operand);
  const std::int64_t fold = line / lines;
  const std::int64_t column_fold = fold / row_folds;
  const std::int64_t row_fold = fold % row_folds;
  return column_fold * column_words(operand, 0) +
         row_fold * lanes(operand, 0, column_fold).words() +
         lanes(operand, row_fold, column_fold).before(line % lines);
}

std::int64_t Folds::line_of(Operand operand, std::int64_t word) const {
  const std::int64_t per_column = column_words(operand, 0);
  const std::int64_t column_fold = std::min(word / per_column, column_folds - 1);
  word -= column_fold * per_column;
  const std::int64_t per_row = lanes(operand, 0, column_fold).words();
  const std::int64_t row_fold = std::min(word / per_row, row_folds - 1);
  word -= row_fold * per_row;
  return (column_fold * row_folds + row_fold) * lines +
         lanes(operand, row_fold, column_fold).line_of(word);
}

}  // namespace dnnaccel::sim::scalesim
