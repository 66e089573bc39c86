#include "bindings/operators.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

using kernels::Element;
using kernels::Operator;
using kernels::TensorSpec;

namespace {

/// Below this many operations others would wait for the interpreter's lock about as long as it
/// takes to give it back.
constexpr std::int64_t kOperationsWithLock = 500'000;
constexpr std::size_t kMostTensors = 64;

struct ElementType {
  int number;  // NumPy's, of the type in this machine's byte order
  const char* name;
};

/// By Element. NumPy has no bfloat16: their bits, as uint16.
constexpr ElementType kTypes[] = {
    {11, "float32"}, {4, "uint16 (the bits of bfloat16)"}, {2, "uint8"}, {1, "int8"}, {5, "int32"}};

struct Extent {
  std::uintptr_t begin;
  std::uintptr_t end;
};

Extent extent(const py::array& array, const TensorSpec& spec) {
  const auto begin = reinterpret_cast<std::uintptr_t>(array.data());
  const std::int64_t values = spec.size();
  if (values == 0 || spec.shape.empty()) return {begin, begin};
  const std::int64_t vectors = values / spec.shape.back();
  const std::int64_t reach = (vectors - 1) * spec.step() + spec.shape.back();
  return {begin, begin + static_cast<std::uintptr_t>(reach) * kernels::size_of(spec.element)};
}

bool overlap(Extent a, Extent b) { return a.begin < b.end && b.begin < a.end; }

/// Whether vectors along the last axis are contiguous and stand `spec.step()` values apart.
bool strides_fit(const py::array& array, const TensorSpec& spec) {
  if (spec.size() == 0 || spec.shape.empty()) return true;
  const auto bytes = static_cast<std::int64_t>(kernels::size_of(spec.element));
  std::int64_t expected = bytes;
  for (std::size_t axis = spec.shape.size(); axis-- > 0;) {
    const auto at = static_cast<py::ssize_t>(axis);
    if (spec.shape[axis] != 1 && array.strides(at) != expected) return false;
    expected = axis + 1 == spec.shape.size() ? spec.step() * bytes : expected * spec.shape[axis];
  }
  return true;
}

std::string operand_name(const Operator& op, std::size_t index) {
  if (index == 0) return "the input";
  if (op.inputs().size() == 2 && op.inputs()[1].in_place) return "the residual";
  return "input " + std::to_string(index + 1);
}

void check_apart(const Operator& op, const py::tuple& inputs, const py::tuple& outputs) {
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    if (outputs[o].is_none()) continue;
    const Extent out = extent(py::reinterpret_borrow<py::array>(outputs[o]), op.outputs()[o]);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].is_none()) continue;
      const TensorSpec& spec = op.inputs()[i];
      const Extent in = extent(py::reinterpret_borrow<py::array>(inputs[i]), spec);
      if (!overlap(in, out) || (spec.in_place && o == 0 && in.begin == out.begin)) continue;
      refuse(operand_name(op, i).c_str(),
             spec.in_place ? "out itself or apart from it: they share some of their memory"
                           : "apart from out: they share memory");
    }
  }
}

void run(PyOperator& plan, const py::tuple& inputs, const py::tuple& outputs) {
  const Operator& op = *plan.op;
  if (inputs.size() != op.inputs().size() || outputs.size() != op.outputs().size())
    refuse("the arrays", std::to_string(op.inputs().size()) + " inputs and " +
                             std::to_string(op.outputs().size()) + " outputs");
  std::array<const void*, kMostTensors> from{};
  std::array<void*, kMostTensors> to{};
  const auto array_of = [](const py::handle& value) {
    if (!py::isinstance<py::array>(value)) throw py::type_error("not an array");
    return py::reinterpret_borrow<py::array>(value);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].is_none() && op.inputs()[i].optional) continue;
    from[i] = checked(array_of(inputs[i]), operand_name(op, i).c_str(), op.inputs()[i]);
  }
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    if (outputs[o].is_none() && op.outputs()[o].optional) continue;
    const py::array array = array_of(outputs[o]);
    const char* const name = o == 0 ? "out" : "a further output";
    to[o] = const_cast<void*>(checked(array, name, op.outputs()[o]));
    if (!array.writeable()) refuse(name, "writeable");
  }
  check_apart(op, inputs, outputs);
  const auto compute = [&] {
    if (op.info().scratch_bytes == 0) return op.run(from.data(), to.data(), nullptr);
    const std::lock_guard lock(plan.in_use);
    op.run(from.data(), to.data(), plan.scratch.data());
  };
  // With scratch, a caller that waits for it must not hold the lock that the other needs.
  if (op.info().macs + op.info().operations < kOperationsWithLock && op.info().scratch_bytes == 0)
    return compute();
  const py::gil_scoped_release release;
  compute();
}

std::vector<kernels::Shape> shapes(const std::vector<TensorSpec>& specs) {
  std::vector<kernels::Shape> all;
  for (const TensorSpec& spec : specs) all.push_back(spec.shape);
  return all;
}

std::vector<bool> in_place(const std::vector<TensorSpec>& specs) {
  std::vector<bool> all;
  for (const TensorSpec& spec : specs) all.push_back(spec.in_place);
  return all;
}

std::vector<std::string> elements(const std::vector<TensorSpec>& specs) {
  constexpr const char* kNames[] = {"float32", "bfloat16", "uint8", "int8", "int32"};
  std::vector<std::string> all;
  for (const TensorSpec& spec : specs)
    all.emplace_back(kNames[static_cast<std::size_t>(spec.element)]);
  return all;
}

}  // namespace

PyOperator::PyOperator(std::shared_ptr<const Operator> made)
    : op(std::move(made)), scratch((op->info().scratch_bytes + 3) / 4) {
  if (op->inputs().size() > kMostTensors || op->outputs().size() > kMostTensors)
    throw std::invalid_argument("an operator has at most " + std::to_string(kMostTensors) +
                                " inputs");
}

std::string shape_text(const kernels::Shape& shape) {
  return py::str(py::tuple(py::cast(shape))).cast<std::string>();
}

[[noreturn]] void refuse(const char* name, const std::string& why) {
  throw std::invalid_argument(std::string(name) + " must be " + why);
}

const void* checked(const py::array& array, const char* name, const TensorSpec& spec) {
  constexpr int kAligned = 0x100;
  const ElementType wanted = kTypes[static_cast<std::size_t>(spec.element)];
  const py::dtype type = array.dtype();
  if (type.num() != wanted.number || type.byteorder() == '>')
    refuse(name, std::string("of ") + wanted.name + ", not " +
                     py::str(array.dtype()).cast<std::string>());
  if (!std::equal(spec.shape.begin(), spec.shape.end(), array.shape(),
                  array.shape() + array.ndim()))
    refuse(name, "of shape " + shape_text(spec.shape) + ", not " +
                     py::str(py::tuple(array.attr("shape"))).cast<std::string>());
  if (!strides_fit(array, spec)) {
    if (spec.dense()) refuse(name, "contiguous: numpy.ascontiguousarray makes it so");
    refuse(name, "of vectors " + std::to_string(spec.step()) + " values apart");
  }
  if ((array.flags() & kAligned) == 0) refuse(name, "aligned to its values: a copy of it is");
  return array.data();
}

std::unique_ptr<PyOperator> held(std::unique_ptr<Operator> made) {
  return std::make_unique<PyOperator>(std::shared_ptr<const Operator>(std::move(made)));
}

std::vector<float> values_of(const FloatArray& array) {
  return {array.data(), array.data() + array.size()};
}

void register_operators(py::module_& module) {
  py::class_<PyOperator>(module, "Operator", "A kernel of given shapes, with its weights packed.")
      .def_property_readonly("inputs", [](const PyOperator& p) { return shapes(p.op->inputs()); })
      .def_property_readonly("outputs", [](const PyOperator& p) { return shapes(p.op->outputs()); })
      .def_property_readonly("input_types",
                             [](const PyOperator& p) { return elements(p.op->inputs()); })
      .def_property_readonly("output_types",
                             [](const PyOperator& p) { return elements(p.op->outputs()); })
      .def_property_readonly("in_place",
                             [](const PyOperator& p) { return in_place(p.op->inputs()); })
      .def_property_readonly("macs", [](const PyOperator& p) { return p.op->info().macs; })
      .def_property_readonly("operations",
                             [](const PyOperator& p) { return p.op->info().operations; })
      .def_property_readonly("threads", [](const PyOperator& p) { return p.op->info().threads; })
      .def_property_readonly("isa", [](const PyOperator& p) { return p.op->info().isa; })
      .def_property_readonly("algorithm",
                             [](const PyOperator& p) { return p.op->info().algorithm; })
      .def_property_readonly("packed_bytes",
                             [](const PyOperator& p) { return p.op->info().packed_bytes; })
      .def_property_readonly("blocking",
                             [](const PyOperator& p) {
                               const kernels::Blocking& b = p.op->info().blocking;
                               return std::array{b.pixels, b.channels, b.rows, b.tile};
                             })
      .def_property_readonly("scratch_bytes",
                             [](const PyOperator& p) { return p.op->info().scratch_bytes; })
      .def("run", &run, py::arg("inputs"), py::arg("outputs"),
           "Compute the outputs into arrays. ValueError for an array that does not fit.");
}

}  // namespace dnnaccel::bindings
