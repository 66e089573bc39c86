#include "sim/make_array.hpp"

#include "sim/adder_tree.hpp"
#include "sim/row_stationary.hpp"
#include "sim/systolic.hpp"

namespace dnnaccel::sim {

std::unique_ptr<CycleArray> make_array(const problem::Problem& problem,
                                       const arch::Architecture& architecture,
                                       const mapping::Mapping& mapping, const ArrayChoice& choice) {
  switch (choice.kind) {
    case ArrayKind::systolic:
      return std::make_unique<SystolicArray<std::uint32_t>>(
          problem, architecture, mapping, Tensors<std::uint32_t>{},
          SystolicArrayOptions{.activity = true, .waiting = choice.waiting});
    case ArrayKind::row_stationary:
      return std::make_unique<RowStationaryArray<std::int32_t>>(problem, architecture, mapping,
                                                                Tensors<std::int32_t>{});
    case ArrayKind::adder_tree:
      break;
  }
  return std::make_unique<AdderTreeArray>(
      problem, architecture, mapping, Tensors<std::int32_t>{},
      TreeOptions{.array = choice.level, .gates = choice.gates});
}

}  // namespace dnnaccel::sim
