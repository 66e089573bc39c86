#include "sparsity/effectual.hpp"
#include "sparsity/formats.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

using sparsity::Format;

namespace {

// Any array of booleans; one that is not contiguous is copied.
using BoolArray = py::array_t<bool, py::array::c_style | py::array::forcecast>;

sparsity::Mask mask_of(const BoolArray& array) {
  static_assert(sizeof(bool) == 1);
  return {reinterpret_cast<const std::uint8_t*>(array.data()),
          static_cast<std::size_t>(array.size())};
}

std::tuple<double, double> pair(const sparsity::Bits& bits) { return {bits.data, bits.metadata}; }

std::uint64_t effectual_macs(const problem::Problem& problem,
                             const std::optional<BoolArray>& inputs,
                             const std::optional<BoolArray>& weights) {
  const auto mask = [](const std::optional<BoolArray>& array) -> std::optional<sparsity::Mask> {
    return array ? std::optional(mask_of(*array)) : std::nullopt;
  };
  const std::optional<sparsity::Mask> left = mask(inputs);
  const std::optional<sparsity::Mask> right = mask(weights);
  const py::gil_scoped_release release;
  return sparsity::effectual_macs(problem, left, right);
}

std::uint64_t exact_entries(const Format& format, const BoolArray& nonzero) {
  const sparsity::Mask mask = mask_of(nonzero);
  const py::gil_scoped_release release;
  return sparsity::exact_entries(format, mask);
}

}  // namespace

void register_sparsity(py::module_& module) {
  py::enum_<sparsity::Kind>(module, "FormatKind", "How the zeros of a tensor are left out.")
      .value("rlc", sparsity::Kind::rlc)
      .value("csc", sparsity::Kind::csc)
      .value("bitmask", sparsity::Kind::bitmask)
      .value("coordinate", sparsity::Kind::coordinate);
  py::class_<Format>(module, "Format", "A compressed format.")
      .def(py::init([](sparsity::Kind kind, int run_bits, int packed_bits, int address_bits,
                       std::uint64_t column_words, int index_bits) {
             return Format{.kind = kind,
                           .run_bits = run_bits,
                           .packed_bits = packed_bits,
                           .address_bits = address_bits,
                           .column_words = column_words,
                           .index_bits = index_bits};
           }),
           py::kw_only(), py::arg("kind"), py::arg("run_bits"), py::arg("packed_bits"),
           py::arg("address_bits"), py::arg("column_words"), py::arg("index_bits"));
  module.def("expected_entries", &sparsity::expected_entries, py::arg("format"), py::arg("density"),
             py::arg("words"),
             "Expected entries of a vector of independent words. ValueError if out of range.");
  module.def(
      "expected_bits",
      [](const Format& format, double density, std::uint64_t words, int word_bits) {
        return pair(sparsity::expected_bits(format, density, words, word_bits));
      },
      py::arg("format"), py::arg("density"), py::arg("words"), py::arg("word_bits"),
      "Expected (data, metadata) bits of a vector. ValueError if out of range.");
  module.def("exact_entries", &exact_entries, py::arg("format"), py::arg("nonzero"),
             "Entries of a tensor of which this is the mask. ValueError if out of range.");
  module.def(
      "encoded_bits",
      [](const Format& format, std::uint64_t words, std::uint64_t nonzeros, std::uint64_t entries,
         int word_bits) {
        return pair(sparsity::encoded_bits(format, words, nonzeros, entries, word_bits));
      },
      py::arg("format"), py::arg("words"), py::arg("nonzeros"), py::arg("entries"),
      py::arg("word_bits"), "Exact (data, metadata) bits. ValueError if out of range.");
  module.def(
      "tile_bits",
      [](const Format& format, double density, std::uint64_t words, int word_bits, double chance) {
        return pair(sparsity::tile_bits(format, density, words, word_bits, chance));
      },
      py::arg("format"), py::arg("density"), py::arg("words"), py::arg("word_bits"),
      py::arg("chance"),
      "(data, metadata) bits that a tile exceeds with at most this probability. ValueError if out "
      "of range.");
  module.def("effectual_macs", &effectual_macs, py::arg("problem"), py::arg("inputs"),
             py::arg("weights"),
             "MACs whose operands are not zero, by masks in the order of the problem's axes; an "
             "operand that is None is not looked at. ValueError for a mask of the wrong size.");
}

}  // namespace dnnaccel::bindings
