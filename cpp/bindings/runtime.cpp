#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "runtime/memory.hpp"
#include "runtime/program.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::Element;
using kernels::TensorSpec;
using runtime::Place;
using runtime::Program;

/// Where, number of the input or output, bytes.
using PlaceTuple = std::tuple<std::string, std::size_t, std::int64_t>;
using StepTuple = std::tuple<PyOperator*, std::vector<PlaceTuple>, std::vector<PlaceTuple>>;
/// Type and shape.
using TensorTuple = std::pair<std::string, kernels::Shape>;

struct PyProgram {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  Program program;
  std::mutex in_use;
};

Place place_of(const PlaceTuple& given) {
  const auto& [where, index, offset] = given;
  constexpr std::pair<const char*, Place::Kind> kKinds[] = {{"none", Place::Kind::none},
                                                            {"input", Place::Kind::input},
                                                            {"output", Place::Kind::output},
                                                            {"arena", Place::Kind::arena}};
  for (const auto& [name, kind] : kKinds) {
    if (where == name) return {.kind = kind, .index = index, .offset = offset};
  }
  throw std::invalid_argument("a place is none, input, output or arena, not '" + where + "'");
}

std::vector<Place> places_of(const std::vector<PlaceTuple>& given) {
  std::vector<Place> places;
  for (const PlaceTuple& place : given) places.push_back(place_of(place));
  return places;
}

std::vector<TensorSpec> specs_of(const std::vector<TensorTuple>& given) {
  std::vector<TensorSpec> specs;
  for (const auto& [type, shape] : given) {
    if (type != "float32" && type != "int32")
      throw std::invalid_argument("inputs and outputs are of float32 or int32, not " + type);
    specs.push_back(
        {.element = type == "int32" ? Element::int32 : Element::float32, .shape = shape});
  }
  return specs;
}

std::vector<std::int64_t> bytes_of(const std::vector<TensorSpec>& specs) {
  std::vector<std::int64_t> bytes;
  for (const TensorSpec& spec : specs)
    bytes.push_back(spec.size() * static_cast<std::int64_t>(kernels::size_of(spec.element)));
  return bytes;
}

std::unique_ptr<PyProgram> make_program(const std::vector<StepTuple>& given,
                                        const std::vector<TensorTuple>& inputs,
                                        const std::vector<TensorTuple>& outputs,
                                        std::int64_t arena_bytes) {
  std::vector<runtime::Step> steps;
  for (const auto& [op, from, to] : given)
    steps.push_back({.op = op->op, .inputs = places_of(from), .outputs = places_of(to)});
  std::vector<TensorSpec> in = specs_of(inputs);
  std::vector<TensorSpec> out = specs_of(outputs);
  Program program(std::move(steps), bytes_of(in), bytes_of(out), arena_bytes);
  return std::unique_ptr<PyProgram>(new PyProgram{.inputs = std::move(in),
                                                  .outputs = std::move(out),
                                                  .program = std::move(program),
                                                  .in_use{}});
}

/// Pointers to the arrays, each checked.
template <class Pointer>
std::vector<Pointer> pointers(const py::tuple& arrays, const std::vector<TensorSpec>& specs,
                              const char* what) {
  if (arrays.size() != specs.size())
    refuse("the arrays",
           std::to_string(specs.size()) + " " + what + "s, not " + std::to_string(arrays.size()));
  std::vector<Pointer> found;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (!py::isinstance<py::array>(arrays[i])) throw py::type_error("not an array");
    const auto array = py::reinterpret_borrow<py::array>(arrays[i]);
    const std::string name = std::string(what) + " " + std::to_string(i);
    const void* const data = checked(array, name.c_str(), specs[i]);
    if constexpr (std::is_same_v<Pointer, void*>) {
      if (!array.writeable()) refuse(name.c_str(), "writeable");
      found.push_back(const_cast<void*>(data));
    } else {
      found.push_back(data);
    }
  }
  return found;
}

/// An array of `count` values, to be written where `name` stands, or null if that is None.
template <class Value>
Value* notes_in(const py::object& given, std::size_t count, const char* name) {
  if (given.is_none()) return nullptr;
  auto array = given.cast<py::array_t<Value, py::array::c_style>>();
  if (array.ptr() != given.ptr() || static_cast<std::size_t>(array.size()) != count)
    refuse(name, "an array of one value for each step");
  return array.mutable_data();
}

void run(PyProgram& self, const py::tuple& inputs, const py::tuple& outputs,
         const py::object& seconds, const py::object& zeros) {
  const auto from = pointers<const void*>(inputs, self.inputs, "input");
  const auto to = pointers<void*>(outputs, self.outputs, "output");
  const std::size_t steps = self.program.steps().size();
  const runtime::Notes notes{.seconds = notes_in<double>(seconds, steps, "seconds"),
                             .zeros = notes_in<std::int64_t>(zeros, steps, "zeros")};
  static const std::function<void()> poll = [] {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  };
  // Who waits for another run must not hold the interpreter's lock, which that one needs to end.
  const py::gil_scoped_release release;
  const std::lock_guard lock(self.in_use);
  self.program.run(from.data(), to.data(), notes, poll);
}

runtime::MemoryPlan plan_memory(
    const std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>& given) {
  std::vector<runtime::Lifetime> tensors;
  for (const auto& [bytes, first, last] : given)
    tensors.push_back({.bytes = bytes, .first = first, .last = last});
  const py::gil_scoped_release release;
  return runtime::plan_memory(tensors);
}

}  // namespace

void register_runtime(py::module_& module) {
  py::class_<PyProgram>(module, "Program", "A list of operators over one stretch of memory.")
      .def(py::init(&make_program), py::kw_only(), py::arg("steps"), py::arg("inputs"),
           py::arg("outputs"), py::arg("arena_bytes"))
      .def_property_readonly("arena_bytes",
                             [](const PyProgram& p) { return p.program.arena_bytes(); })
      .def_property_readonly("scratch_bytes",
                             [](const PyProgram& p) { return p.program.scratch_bytes(); })
      .def_property_readonly("packed_bytes",
                             [](const PyProgram& p) { return p.program.packed_bytes(); })
      .def("run", &run, py::arg("inputs"), py::arg("outputs"), py::arg("seconds") = py::none(),
           py::arg("zeros") = py::none(),
           "Run all steps; add the seconds of each, and count zeros of its output, into arrays. "
           "Ctrl-C stops it. ValueError for an array that does not fit.");
  py::class_<runtime::MemoryPlan>(module, "MemoryPlan", "Where tensors lie in memory they share.")
      .def_readonly("offsets", &runtime::MemoryPlan::offsets)
      .def_readonly("bytes", &runtime::MemoryPlan::bytes)
      .def_readonly("lower_bound", &runtime::MemoryPlan::lower_bound);
  module.def("plan_memory", &plan_memory, py::arg("tensors"),
             "Offsets for tensors of (bytes, first step, last step) so that none overlaps another "
             "that is needed at one step with it.");
}

}  // namespace dnnaccel::bindings
