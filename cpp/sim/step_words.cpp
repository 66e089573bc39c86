#include "sim/step_words.hpp"

#include <algorithm>

#include "base/math.hpp"
#include "sim/step_axis.hpp"

namespace dnnaccel::sim {

using mapping::NestLoop;
using stepping::advance;
using stepping::Chain;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

std::size_t position_of(const std::vector<StepWords::AxisTable::Place>& places,
                        const Digits& digits) {
  std::size_t position = 0;
  for (const auto& place : places) {
    position += static_cast<std::size_t>(digits[at(place.loop)]) * place.stride;
  }
  return position;
}

}  // namespace

StepWords::StepWords(const problem::Problem& problem, const mapping::Nest& nest,
                     const cost::Keepers& keepers, const Question& question)
    : links_(question.links.size()), keeps_(!keepers.compute) {
  const problem::Tensor& tensor = problem.tensor(keepers.role);
  const auto add = [&](const problem::Axis* axis, const std::vector<int>& dims) {
    AxisTable table = stepping::axis_table(problem, nest, keepers, question, axis, dims);
    largest_ *= table.largest;
    axes_.push_back(std::move(table));
  };
  for (const problem::Axis& axis : tensor.axes) {
    std::vector<int> dims;
    for (const problem::Term& term : axis.terms) dims.push_back(term.dim);
    if (!dims.empty()) add(&axis, dims);
  }
  for (int dim = 0; dim < problem.dims(); ++dim) {
    if ((tensor.dims() >> dim & 1U) == 0) add(nullptr, {dim});
  }
  for (int l = 0; l < question.child_above; ++l) {
    const NestLoop& loop = nest.loops[at(l)];
    if (!loop.spatial && (tensor.dims() >> loop.dim & 1U) != 0) innermost_ = l;
  }
}

void StepWords::words(const Digits& digits, int loop, std::uint64_t* out) const {
  std::array<std::uint64_t, arch::kMaxLevels * 2> kept{};
  for (std::size_t link = 0; link < links_; ++link) out[link] = kept[link] = 1;
  const bool subtract = keeps_ && loop >= 0;
  for (const AxisTable& axis : axes_) {
    const std::size_t position = position_of(axis.places, digits);
    for (std::size_t link = 0; link < links_; ++link) out[link] *= axis.held[link][position];
    if (!subtract) continue;
    const auto& before = axis.kept[at(axis.way[at(loop)])];
    for (std::size_t link = 0; link < links_; ++link) kept[link] *= before[link][position];
  }
  if (!subtract) return;
  for (std::size_t link = 0; link < links_; ++link) out[link] -= kept[link];
}

BlockWork::BlockWork(const problem::Problem& problem, const mapping::Nest& nest, int stepped) {
  const int all = static_cast<int>(nest.loops.size());
  for (int dim = 0; dim < problem.dims(); ++dim) {
    const Chain chain(problem, nest, dim, all);
    std::vector<int> temporal;
    std::vector<int> spatial;
    for (int l : chain.loops()) (nest.loops[at(l)].spatial ? spatial : temporal).push_back(l);
    if (temporal.empty() && spatial.empty()) continue;
    DimTable table;
    std::size_t outer = 1;
    std::size_t inner = 1;
    for (std::size_t i = temporal.size(); i-- > 0;) {
      const NestLoop& loop = nest.loops[at(temporal[i])];
      const auto trips = static_cast<std::size_t>(base::ceil_div(loop.extent, loop.tile));
      if (temporal[i] < stepped) {
        table.places.push_back({.loop = temporal[i], .stride = outer});
        outer *= trips;
      } else {
        inner *= trips;
      }
      stepping::check_tiles(outer * inner);
    }
    table.steps.assign(outer, 0);
    table.macs.assign(outer, 0);
    Digits digits{};
    for (std::size_t position = 0; position < outer * inner; ++position) {
      if (chain.span(digits).size > 0) {
        ++table.steps[position / inner];
        do {
          table.macs[position / inner] += static_cast<std::uint64_t>(chain.span(digits).size);
        } while (advance(spatial, nest, digits));
      }
      advance(temporal, nest, digits);
    }
    dims_.push_back(std::move(table));
  }
}

std::uint64_t BlockWork::steps(const Digits& digits) const {
  std::uint64_t steps = 1;
  for (const DimTable& dim : dims_) steps *= dim.steps[position_of(dim.places, digits)];
  return steps;
}

std::uint64_t BlockWork::macs(const Digits& digits) const {
  std::uint64_t macs = 1;
  for (const DimTable& dim : dims_) macs *= dim.macs[position_of(dim.places, digits)];
  return macs;
}

std::uint64_t working_instances(const problem::Problem& problem, const mapping::Nest& nest,
                                int above) {
  std::uint64_t instances = 1;
  for (int dim = 0; dim < problem.dims(); ++dim) {
    const Chain chain(problem, nest, dim, above);
    std::vector<int> spatial;
    for (int l : chain.loops()) {
      if (nest.loops[at(l)].spatial) spatial.push_back(l);
    }
    Digits digits{};
    std::uint64_t working = 0;
    do {
      working += chain.span(digits).size > 0 ? 1 : 0;
    } while (advance(spatial, nest, digits));
    instances *= working;
  }
  return instances;
}

}  // namespace dnnaccel::sim
