#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bindings/bindings.hpp"
#include "bindings/operators.hpp"
#include "kernels/recurrent/operator.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using kernels::Cell;

Cell cell_named(std::string_view kind) {
  constexpr std::array kCells = {std::pair{"rnn", Cell::rnn}, std::pair{"lstm", Cell::lstm},
                                 std::pair{"gru", Cell::gru}};
  const auto* const found = std::find_if(kCells.begin(), kCells.end(),
                                         [&](const auto& entry) { return kind == entry.first; });
  if (found == kCells.end())
    refuse("the kind", "rnn, lstm or gru, not '" + std::string(kind) + "'");
  return found->second;
}

void check_shape(const FloatArray& array, const char* name, const kernels::Shape& wanted) {
  const kernels::Shape given(array.shape(), array.shape() + array.ndim());
  if (given != wanted)
    refuse(name, "of shape " + shape_text(wanted) + ", not " + shape_text(given));
}

std::unique_ptr<PyOperator> make_recurrent(const std::string& kind,
                                           const std::array<std::int64_t, 3>& input,
                                           const FloatArray& weight_ih, const FloatArray& weight_hh,
                                           const std::optional<FloatArray>& bias_ih,
                                           const std::optional<FloatArray>& bias_hh, bool reverse,
                                           unsigned threads, const std::string& isa) {
  const Cell cell = cell_named(kind);
  if (weight_hh.ndim() != 2)
    refuse("weight_hh", "of two axes: gates times hidden units, hidden units; not " +
                            std::to_string(weight_hh.ndim()));
  const std::int64_t units = weight_hh.shape(1);
  const std::int64_t gates = units * kernels::gates_of(cell);
  check_shape(weight_hh, "weight_hh", {gates, units});
  check_shape(weight_ih, "weight_ih", {gates, input[2]});
  if (bias_ih) check_shape(*bias_ih, "bias_ih", {gates});
  if (bias_hh) check_shape(*bias_hh, "bias_hh", {gates});
  const kernels::RecurrentShape shape{
      .batch = input[0], .steps = input[1], .features = input[2], .units = units};
  const kernels::RecurrentWeights weights{.input = weight_ih.data(),
                                          .hidden = weight_hh.data(),
                                          .input_bias = bias_ih ? bias_ih->data() : nullptr,
                                          .hidden_bias = bias_hh ? bias_hh->data() : nullptr};
  const py::gil_scoped_release release;
  return std::make_unique<PyOperator>(std::make_shared<kernels::RecurrentOperator>(
      cell, shape, weights,
      kernels::RecurrentOptions{.reverse = reverse, .threads = threads, .isa = isa}));
}

}  // namespace

void register_kernels_recurrent(py::module_& module) {
  module.def("recurrent_operator", &make_recurrent, py::kw_only(), py::arg("kind"),
             py::arg("input"), py::arg("weight_ih"), py::arg("weight_hh"),
             py::arg("bias_ih") = py::none(), py::arg("bias_hh") = py::none(),
             py::arg("reverse") = false, py::arg("threads") = 1, py::arg("isa") = "",
             "A recurrent layer: the states are optional inputs and outputs.");
}

}  // namespace dnnaccel::bindings
