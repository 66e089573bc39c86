#include "arch/architecture.hpp"

#include <pybind11/stl.h>

#include <optional>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using Bandwidths = std::optional<std::array<std::optional<double>, problem::kRoles>>;

arch::DimSet dim_set(const std::optional<std::vector<std::string>>& dims) {
  if (!dims) return {.all = true, .names = {}};
  return {.all = false, .names = *dims};
}

}  // namespace

void register_arch(py::module_& module) {
  py::enum_<arch::Buffering>(module, "Buffering")
      .value("single", arch::Buffering::single)
      .value("double", arch::Buffering::twofold)
      .value("stream", arch::Buffering::stream);
  py::enum_<arch::Charge>(module, "Charge")
      .value("none", arch::Charge::none)
      .value("delivery", arch::Charge::delivery)
      .value("hop", arch::Charge::hop);
  py::class_<arch::Memory>(module, "Memory", "One memory, lowered.")
      .def(py::init([](std::string name, std::optional<std::uint64_t> capacity_words, int word_bits,
                       std::uint32_t keeps, double read_energy, double write_energy,
                       std::optional<double> read_bandwidth, std::optional<double> write_bandwidth,
                       std::optional<double> shared_bandwidth, arch::Buffering buffering) {
             return arch::Memory{
                 .name = std::move(name),
                 .capacity_words = capacity_words.value_or(arch::kUnlimitedWords),
                 .word_bits = word_bits,
                 .keeps = keeps,
                 .read_energy = read_energy,
                 .write_energy = write_energy,
                 .read_bandwidth = read_bandwidth.value_or(arch::kUnlimitedBandwidth),
                 .write_bandwidth = write_bandwidth.value_or(arch::kUnlimitedBandwidth),
                 .shared_bandwidth = shared_bandwidth.value_or(arch::kUnlimitedBandwidth),
                 .buffering = buffering};
           }),
           py::kw_only(), py::arg("name"), py::arg("capacity_words"), py::arg("word_bits"),
           py::arg("keeps"), py::arg("read_energy"), py::arg("write_energy"),
           py::arg("read_bandwidth"), py::arg("write_bandwidth"), py::arg("shared_bandwidth"),
           py::arg("buffering"));
  py::class_<arch::Array>(module, "Array", "One fan-out, lowered.")
      .def(py::init([](std::string name, std::int64_t rows, std::int64_t columns,
                       const std::optional<std::vector<std::string>>& multicast,
                       const std::optional<std::vector<std::string>>& reduce,
                       std::uint32_t forwards, std::array<arch::Charge, problem::kRoles> charge,
                       double energy, const Bandwidths& bandwidth) {
             arch::Array out{.name = std::move(name),
                             .rows = rows,
                             .columns = columns,
                             .multicast = dim_set(multicast),
                             .reduce = dim_set(reduce),
                             .forwards = forwards,
                             .charge = charge,
                             .energy = energy};
             for (std::size_t role = 0; bandwidth && role < bandwidth->size(); ++role) {
               out.bandwidth[role] = (*bandwidth)[role].value_or(arch::kUnlimitedBandwidth);
             }
             return out;
           }),
           py::kw_only(), py::arg("name"), py::arg("rows"), py::arg("columns"),
           py::arg("multicast"), py::arg("reduce"), py::arg("forwards"), py::arg("charge"),
           py::arg("energy"), py::arg("bandwidth") = py::none());
  py::class_<arch::Architecture>(module, "Architecture", "A memory hierarchy, lowered.")
      .def(py::init([](std::vector<arch::Level> levels, double mac_energy, double leakage_energy) {
             arch::Architecture out{.levels = std::move(levels),
                                    .mac_energy = mac_energy,
                                    .leakage_energy = leakage_energy};
             out.validate();
             return out;
           }),
           py::arg("levels"), py::arg("mac_energy"), py::arg("leakage_energy") = 0.0)
      .def_property_readonly("mac_units", &arch::Architecture::mac_units);
}

}  // namespace dnnaccel::bindings
