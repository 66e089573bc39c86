#include "mapping/mapping.hpp"
#include "mapping/chains.hpp"

#include <pybind11/stl.h>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using LoopTuple = std::tuple<int, std::int64_t, int>;
using LevelTuple = std::tuple<std::vector<LoopTuple>, std::uint32_t>;

}  // namespace

void register_mapping(py::module_& module) {
  module.def(
      "spatial_factors",
      [](std::int64_t positions, std::int64_t room) {
        if (positions < 1 || room < 1) throw std::invalid_argument("positions and room: from 1");
        return mapping::spatial_factors(positions, room);
      },
      py::arg("positions"), py::arg("room"),
      "Over how many instances a dim of so many positions may be spread along an axis.");
  py::class_<mapping::Mapping>(module, "Mapping", "A loop nest, lowered.")
      .def(
          py::init([](const std::vector<LevelTuple>& levels) {
            mapping::Mapping out;
            for (const auto& [loops, keeps] : levels) {
              mapping::LevelMapping level{.keeps = keeps};
              for (const auto& [dim, tile, axis] : loops) level.loops.push_back({dim, tile, axis});
              out.levels.push_back(std::move(level));
            }
            return out;
          }),
          py::arg("levels"),
          "levels: for each level the loops as (dim index, tile, axis) and the mask of roles kept.")
      .def_property_readonly("levels", [](const mapping::Mapping& mapping) {
        std::vector<LevelTuple> out;
        for (const mapping::LevelMapping& level : mapping.levels) {
          std::vector<LoopTuple> loops;
          for (const mapping::Loop& loop : level.loops) {
            loops.emplace_back(loop.dim, loop.tile, loop.axis);
          }
          out.emplace_back(std::move(loops), level.keeps);
        }
        return out;
      });
}

}  // namespace dnnaccel::bindings
