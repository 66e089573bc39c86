#include "kernels/matmul/operator.hpp"

#include <algorithm>
#include <limits>

#include "kernels/checks.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr const char* kWho = "matmul";
constexpr std::int64_t kFloat = sizeof(float);
/// So few rows are multiplied with the right side as it lies: packing it would take longer.
constexpr std::int64_t kFewRows = 3;
/// A panel of this size is read from the second cache for each tile; of a larger one, parts of the
/// second size in as many passes.
constexpr std::int64_t kOnePassBytes = 640 * 1024;
constexpr std::int64_t kPassBytes = 512 * 1024;
/// Panels that are packed before they are used, and what is read of the left side again for each.
constexpr std::int64_t kGroupBytes = 512 * 1024;
constexpr std::int64_t kBlockBytes = 256 * 1024;
constexpr std::int64_t kLargestBlock = 192;
constexpr std::int64_t kLeastBlock = 24;
/// What a multiply-accumulate takes, about.
constexpr double kMacNanoseconds = 0.01;
constexpr std::int64_t kItemsPerThread = 4;

std::int64_t pieces(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

Shape result_shape(const Shape& left, const MatmulShape& shape) {
  // `shape` has the batch in rows where it could; the result has it as the caller gave it.
  Shape result = shape.batch.empty() ? Shape(left.begin(), left.end() - 2) : shape.batch;
  result.insert(result.end(), {left[left.size() - 2], shape.columns});
  return result;
}

}  // namespace

struct MatmulOperator::Job {
  const float* left;
  const float* right;
  float* out;
};

MatmulOperator::MatmulOperator(const Shape& left, const Shape& right, const MatmulOptions& options)
    : Operator({{.shape = left, .pitch = options.left_pitch},
                {.shape = right, .pitch = options.right_pitch}},
               {}),
      shape_(matmul_shape(left, right, options.transpose_right)),
      kernels_(find_kernels(options.isa).matmul),
      columns_(find_kernels(options.isa), shape_.columns),
      factor_(options.factor),
      few_(shape_.rows <= kFewRows) {
  outputs_.push_back({.shape = result_shape(left, shape_), .pitch = options.out_pitch});
  checked_pitch(kWho, "left_pitch", left, options.left_pitch);
  checked_pitch(kWho, "right_pitch", right, options.right_pitch);
  checked_pitch(kWho, "out_pitch", outputs_[0].shape, options.out_pitch);
  const unsigned threads = checked_threads(kWho, options.threads);
  info_ = {.isa = find_kernels(options.isa).name,
           .algorithm = few_ ? "rows" : "gemm",
           .threads = threads,
           .macs = shape_.batches * shape_.rows * shape_.columns * shape_.depth};
  const std::int64_t parts = choose_parts();
  split_ = split_work(
      parts, kMacNanoseconds * static_cast<double>(info_.macs / std::max(parts, std::int64_t{1})),
      threads);
  if (split_.threads > 1) split_.piece = 1;
  if (!few_) info_.scratch_bytes = static_cast<std::size_t>(packed_ * kFloat) * threads;
  start_workers(threads);
}

std::int64_t MatmulOperator::choose_parts() {
  if (shape_.batches * shape_.rows * shape_.columns == 0) return 0;
  const std::int64_t panel_bytes = shape_.depth * columns_.widest() * kFloat;
  const std::int64_t passes = panel_bytes <= kOnePassBytes ? 1 : pieces(panel_bytes, kPassBytes);
  pass_ = std::max(pieces(shape_.depth, passes), std::int64_t{1});
  const auto panels = static_cast<std::int64_t>(columns_.panels().size());
  std::int64_t group = kGroupBytes / (pass_ * columns_.widest() * kFloat);
  block_ = std::clamp(kBlockBytes / (pass_ * kFloat), kLeastBlock, kLargestBlock);
  // Offsets within a block are of 32 bits.
  const std::int64_t pitch = std::max(inputs_[0].step(), outputs_[0].step());
  block_ =
      std::min({block_, std::numeric_limits<std::int32_t>::max() / std::max(pitch, std::int64_t{1}),
                shape_.rows});
  part_rows_ = shape_.rows;
  const std::int64_t wanted = info_.threads > 1 ? info_.threads * kItemsPerThread : 1;
  if (shape_.batches < wanted) {
    const std::int64_t rows = few_ ? shape_.rows : kLeastBlock;
    const std::int64_t cuts = std::min(pieces(wanted, shape_.batches), pieces(shape_.rows, rows));
    part_rows_ = pieces(pieces(shape_.rows, cuts), rows) * rows;
    const std::int64_t items = shape_.batches * pieces(shape_.rows, part_rows_);
    group = std::min(group, panels / std::max(pieces(wanted, items), std::int64_t{1}));
  }
  group = std::clamp(group, std::int64_t{1}, panels);
  group_ = static_cast<std::size_t>(group);
  packed_ = pass_ * columns_.widest() * group;
  pixels_ = row_pixels(block_, inputs_[0].step(), outputs_[0].step());
  return shape_.batches * pieces(shape_.rows, part_rows_) * pieces(panels, group);
}

MatmulOperator::Part MatmulOperator::part_of(const Job& job, std::int64_t item) const noexcept {
  const std::size_t panels = columns_.panels().size();
  const std::int64_t groups =
      pieces(static_cast<std::int64_t>(panels), static_cast<std::int64_t>(group_));
  const std::int64_t cuts = pieces(shape_.rows, part_rows_);
  const std::size_t first = static_cast<std::size_t>(item % groups) * group_;
  const std::int64_t row = item / groups % cuts * part_rows_;
  const std::int64_t batch = item / groups / cuts;
  const std::int64_t right_rows = shape_.transpose_right ? shape_.columns : shape_.depth;
  return {.left = job.left + (matrix_of(shape_, shape_.left_step, batch) * shape_.rows + row) *
                                 inputs_[0].step(),
          .right = job.right +
                   matrix_of(shape_, shape_.right_step, batch) * right_rows * inputs_[1].step(),
          .out = job.out + (batch * shape_.rows + row) * outputs_[0].step(),
          .rows = std::min(part_rows_, shape_.rows - row),
          .first_panel = first,
          .end_panel = std::min(first + group_, panels)};
}

void MatmulOperator::multiply_block(const Part& part, TileArgs tile, std::int64_t rows,
                                    std::int64_t first, std::int64_t depth,
                                    const float* packed) const noexcept {
  const Run run{.input = static_cast<std::int32_t>(first),
                .row = 0,
                .length = static_cast<std::int32_t>(depth)};
  tile.runs = &run;
  tile.run_count = 1;
  tile.pixels = pixels_.data();
  tile.low = -std::numeric_limits<float>::infinity();
  tile.high = std::numeric_limits<float>::infinity();
  float* const out = tile.output;
  const std::int32_t begin = columns_.panels()[part.first_panel].first;
  for (std::size_t p = part.first_panel; p < part.end_panel; ++p) {
    const Panel& panel = columns_.panels()[p];
    tile.panel = packed + (panel.first - begin) * depth;
    tile.output = out + panel.first;
    tile.width = panel.width;
    // A later pass adds to what the one before it left: as the residual, which may be narrow.
    tile.bias = zero_row();
    tile.residual = first == 0 ? nullptr : tile.output;
    multiply(panel.kernels, tile, static_cast<std::int32_t>(rows));
  }
}

void MatmulOperator::compute(const Part& part, float* packed) const noexcept {
  const std::int32_t begin = columns_.panels()[part.first_panel].first;
  for (std::int64_t first = 0; first == 0 || first < shape_.depth; first += pass_) {
    const std::int64_t depth = std::min(pass_, shape_.depth - first);
    for (std::size_t p = part.first_panel; p < part.end_panel; ++p) {
      const Panel& panel = columns_.panels()[p];
      columns_.pack(panel, {part.right, inputs_[1].step(), shape_.transpose_right}, first, depth,
                    shape_.columns, factor_, packed + (panel.first - begin) * depth);
    }
    for (std::int64_t row = 0; row < part.rows; row += block_) {
      const TileArgs tile{.input = part.left + row * inputs_[0].step(),
                          .output = part.out + row * outputs_[0].step()};
      multiply_block(part, tile, std::min(block_, part.rows - row), first, depth, packed);
    }
  }
}

void MatmulOperator::compute_few(const Part& part) const noexcept {
  const Panel& last = columns_.panels()[part.end_panel - 1];
  const std::int64_t first = columns_.panels()[part.first_panel].first;
  const std::int64_t columns = last.first + last.width - first;
  const std::int64_t pitch = inputs_[1].step();
  for (std::int64_t row = 0; row < part.rows; ++row) {
    const float* const left = part.left + row * inputs_[0].step();
    float* const out = part.out + row * outputs_[0].step() + first;
    if (shape_.transpose_right)
      kernels_->dots({.x = left,
                      .rows = part.right + first * pitch,
                      .pitch = pitch,
                      .count = columns,
                      .depth = shape_.depth,
                      .factor = factor_,
                      .out = out});
    else
      kernels_->combine({.weights = left,
                         .rows = part.right + first,
                         .pitch = pitch,
                         .count = shape_.depth,
                         .width = columns,
                         .factor = factor_,
                         .add = false,
                         .out = out});
  }
}

void MatmulOperator::run(const void* const* inputs, void* const* outputs,
                         void* scratch) const noexcept {
  const Job job{.left = static_cast<const float*>(inputs[0]),
                .right = static_cast<const float*>(inputs[1]),
                .out = static_cast<float*>(outputs[0])};
  run_split(split_, [&](unsigned worker, std::int64_t first, std::int64_t end) {
    for (std::int64_t item = first; item < end; ++item) {
      const Part part = part_of(job, item);
      if (few_)
        compute_few(part);
      else
        compute(part, static_cast<float*>(scratch) + worker * packed_);
    }
  });
}

}  // namespace dnnaccel::kernels
