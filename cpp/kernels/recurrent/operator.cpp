#include "kernels/recurrent/operator.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/pool.hpp"
#include "kernels/steps.hpp"
#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

/// A thread is worth its waiting for the others for a microsecond or two of each step.
constexpr std::int64_t kMacsPerThread = 40'000;

void check(Cell cell, const RecurrentShape& shape, unsigned threads) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  const auto least = [](const char* what, std::int64_t value, std::int64_t low) {
    if (value < low || value >= kMost)
      throw std::invalid_argument(std::string("recurrent layer: ") + what + " must be from " +
                                  std::to_string(low) + " and below 2^31, not " +
                                  std::to_string(value));
  };
  least("the batch", shape.batch, 0);
  least("the number of steps", shape.steps, 1);
  least("the number of features", shape.features, 1);
  least("the number of hidden units", shape.units, 1);
  const std::int64_t gates = shape.units * gates_of(cell);
  const std::int64_t rows = shape.batch * shape.steps;  // below 2^62
  if (gates >= kMost / std::max(shape.features, shape.units) ||
      rows >= kMost / std::max(shape.features, gates))
    throw std::invalid_argument(
        "recurrent layer: the weights, the inputs and the gates of all steps must each be below "
        "2^31 values; given " +
        std::to_string(shape.batch) + " sequences of " + std::to_string(shape.steps) + " steps, " +
        std::to_string(shape.features) + " features and " + std::to_string(shape.units) +
        " hidden units");
  if (threads > kMaxThreads)
    throw std::invalid_argument("recurrent layer: at most " + std::to_string(kMaxThreads) +
                                " threads, not " + std::to_string(threads));
}

CellPanels make_panels(Cell cell, const RecurrentShape& shape, unsigned threads,
                       const CellKernels& kernels) {
  const auto& columns = kernels.columns[static_cast<int>(cell)];
  CellPanels panels{.cell = cell,
                    .column = columns[0],
                    .lanes = kernels.lanes,
                    .units = static_cast<std::int32_t>(shape.units)};
  // Narrow ones too where every thread needs a panel.
  if (shape.batch > panels.column.rows || static_cast<unsigned>(panels.count()) < 2 * threads)
    panels.column = columns[1];
  return panels;
}

/// How many threads a step is worth.
unsigned choose_threads(const CellPanels& panels, const RecurrentShape& shape, unsigned threads) {
  const std::int64_t macs = shape.batch * shape.units * shape.units * panels.gates();
  const auto most = std::min(
      {std::int64_t{threads}, std::int64_t{panels.count()}, std::int64_t{Steps::kMaxShares}});
  return static_cast<unsigned>(std::clamp<std::int64_t>(macs / kMacsPerThread, 1, most));
}

/// The products with the inputs: of every step a row, with all biases that are not under a gate.
ConvPlan make_products(const CellPanels& panels, const RecurrentShape& shape,
                       const RecurrentWeights& weights, const RecurrentOptions& options) {
  const std::vector<float> rows = in_panels(panels, weights.input, shape.features);
  std::vector<float> bias = in_panels(panels, weights.input_bias, 1);
  const std::vector<float> hidden = in_panels(panels, weights.hidden_bias, 1);
  const std::int64_t block = std::int64_t{panels.gates()} * panels.lanes;
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const std::int64_t gate = static_cast<std::int64_t>(i) % block / panels.lanes;
    if (panels.cell != Cell::gru || gate != 2) bias[i] += hidden[i];
  }
  const std::int64_t vectors = shape.batch * shape.steps;
  return ConvPlan({.batch = vectors == 0 ? 0 : 1,
                   .width = std::max(vectors, std::int64_t{1}),
                   .channels = shape.features,
                   .outputs = panels.length()},
                  rows.data(), bias.data(),
                  {.threads = options.threads, .algorithm = "gemm", .isa = options.isa});
}

/// Of a GRU's last gate, whose product with the hidden units has a bias of its own.
AlignedFloats make_bias(const CellPanels& panels, const float* hidden_bias) {
  if (panels.cell != Cell::gru) return {};
  const auto units = static_cast<std::size_t>(panels.count() * panels.width());
  AlignedFloats bias(units);
  std::fill_n(bias.data(), units, 0.0F);
  if (hidden_bias != nullptr)
    std::copy_n(hidden_bias + 2 * panels.units, panels.units, bias.data());
  return bias;
}

std::vector<TensorSpec> states(Cell cell, TensorSpec first, const RecurrentShape& shape) {
  std::vector<TensorSpec> all = {std::move(first)};
  const TensorSpec state{.shape = {shape.batch, shape.units}, .optional = true};
  all.insert(all.end(), cell == Cell::lstm ? 2 : 1, state);
  return all;
}

std::size_t lines(std::int64_t floats) {
  return static_cast<std::size_t>((floats * 4 + 63) / 64 * 64);
}

}  // namespace

struct RecurrentOperator::Job {
  const float* products;
  const float* before;  // h before the first step, or null
  float* cells;
  float* outputs;
};

RecurrentOperator::RecurrentOperator(Cell cell, const RecurrentShape& shape,
                                     const RecurrentWeights& weights,
                                     const RecurrentOptions& options)
    : Operator(states(cell, {.shape = {shape.batch, shape.steps, shape.features}}, shape),
               states(cell, {.shape = {shape.batch, shape.steps, shape.units}}, shape)),
      shape_((check(cell, shape, options.threads), shape)),
      reverse_(options.reverse),
      threads_(options.threads == 0 ? num_threads() : options.threads),
      panels_(make_panels(cell, shape, threads_, *find_kernels(options.isa).cells)),
      products_(make_products(panels_, shape, weights, options)),
      weights_(pack_hidden(panels_, weights.hidden)),
      bias_(make_bias(panels_, weights.hidden_bias)) {
  const std::int64_t rows = shape.batch * shape.steps;
  const std::int64_t gates = shape.units * panels_.gates();
  info_ = {
      .isa = products_.isa(),
      .algorithm = "panels",
      .threads = threads_,
      .macs = rows * gates * (shape.features + shape.units),
      .packed_bytes = products_.packed_bytes() +
                      static_cast<std::size_t>(panels_.length() * shape.units) * sizeof(float)};
  info_.scratch_bytes = lines(rows * panels_.length());
  if (cell == Cell::lstm)
    info_.scratch_bytes += lines(shape.batch * panels_.count() * panels_.width());
  threads_ = choose_threads(panels_, shape, threads_);
  start_workers(threads_);
}

void RecurrentOperator::compute_panel(const Job& job, std::int64_t step,
                                      std::int32_t panel) const noexcept {
  const std::int64_t steps = shape_.steps;
  const std::int64_t at = moment(step);
  const std::int32_t width = panels_.width();
  const std::int32_t length = panels_.panel_length();
  CellArgs args{.weights = weights_.data() + std::int64_t{panel} * length * shape_.units,
                .bias = bias_.data() + (bias_.data() == nullptr ? 0 : panel * width),
                .input_step = steps * panels_.length(),
                .hidden_step = step == 0 ? shape_.units : steps * shape_.units,
                .output_step = steps * shape_.units,
                .depth = static_cast<std::int32_t>(shape_.units),
                .first = panel * width,
                .width = std::min(width, panels_.units - panel * width)};
  const float* const hidden =
      step == 0 ? job.before : job.outputs + moment(step - 1) * shape_.units;
  // As few tiles as can be, of sizes as equal as can be.
  std::int64_t row = 0;
  for (std::int64_t tiles = (shape_.batch + panels_.column.rows - 1) / panels_.column.rows;
       tiles > 0; --tiles) {
    const std::int64_t rows = (shape_.batch - row + tiles - 1) / tiles;
    args.inputs = job.products + (row * steps + at) * panels_.length() + panel * length;
    args.hidden = hidden == nullptr ? nullptr : hidden + row * args.hidden_step;
    if (job.cells != nullptr) args.cell = job.cells + (panel * shape_.batch + row) * width;
    args.output = job.outputs + (row * steps + at) * shape_.units;
    panels_.column.steps[rows - 1](args);
    row += rows;
  }
}

/// The cells of a panel stand together: [panel][sequence][unit].
void RecurrentOperator::load_cells(const float* from, float* cells) const noexcept {
  const std::int32_t width = panels_.width();
  for (std::int32_t first = 0; first < panels_.units; first += width) {
    const std::int32_t units = std::min(width, panels_.units - first);
    for (std::int64_t row = 0; row < shape_.batch; ++row, cells += width) {
      std::fill_n(cells, width, 0.0F);
      if (from != nullptr) std::copy_n(from + row * shape_.units + first, units, cells);
    }
  }
}

void RecurrentOperator::store_last(const Job& job, float* hidden, float* cells) const noexcept {
  for (std::int64_t row = 0; hidden != nullptr && row < shape_.batch; ++row) {
    const std::int64_t last = row * shape_.steps + moment(shape_.steps - 1);
    std::copy_n(job.outputs + last * shape_.units, shape_.units, hidden + row * shape_.units);
  }
  if (cells == nullptr) return;
  const std::int32_t width = panels_.width();
  const float* from = job.cells;
  for (std::int32_t first = 0; first < panels_.units; first += width) {
    const std::int32_t units = std::min(width, panels_.units - first);
    for (std::int64_t row = 0; row < shape_.batch; ++row, from += width)
      std::copy_n(from, units, cells + row * shape_.units + first);
  }
}

void RecurrentOperator::run(const void* const* inputs, void* const* outputs,
                            void* scratch) const noexcept {
  if (shape_.batch == 0) return;
  const bool lstm = panels_.cell == Cell::lstm;
  auto* const products = static_cast<float*>(scratch);
  const std::int64_t rows = shape_.batch * shape_.steps;
  const Job job{.products = products,
                .before = static_cast<const float*>(inputs[1]),
                .cells = lstm ? products + lines(rows * panels_.length()) / 4 : nullptr,
                .outputs = static_cast<float*>(outputs[0])};
  products_.run(static_cast<const float*>(inputs[0]), nullptr, products);
  if (lstm) load_cells(static_cast<const float*>(inputs[2]), job.cells);
  run_steps(
      shape_.steps, panels_.count(), threads_,
      [&](std::int64_t step, std::int32_t panel) noexcept { compute_panel(job, step, panel); });
  store_last(job, static_cast<float*>(outputs[1]),
             lstm ? static_cast<float*>(outputs[2]) : nullptr);
}

}  // namespace dnnaccel::kernels
