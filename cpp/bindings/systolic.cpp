#include "sim/systolic.hpp"
#include "sim/systolic_product.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "bindings/bindings.hpp"
#include "bindings/sim_activity.hpp"
#include "sim/drive.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

using sim::ProductRun;
using sim::SystolicOptions;

using Progress = std::optional<std::function<py::object(std::uint64_t)>>;

/// A whole tensor, in C order, of the element type T.
template <typename T>
py::array_t<T, py::array::c_style> whole(const py::array& given, const problem::Tensor& tensor) {
  const auto array = py::array_t<T, py::array::c_style>::ensure(given);
  if (!array || static_cast<std::uint64_t>(array.size()) != tensor.words()) {
    throw std::invalid_argument(std::string(problem::name(tensor.role)) + ": " +
                                std::to_string(given.size()) + " words, not the " +
                                std::to_string(tensor.words()) + " of the problem");
  }
  return array;
}

template <typename T>
py::array_t<T> room_for_outputs(const problem::Problem& problem) {
  std::vector<py::ssize_t> shape;
  for (const problem::Axis& axis : problem.tensor(problem::Role::outputs).axes) {
    shape.push_back(axis.size);
  }
  py::array_t<T> outputs(shape);
  std::fill_n(outputs.mutable_data(), outputs.size(), T{});
  return outputs;
}

/// Int32 sums may wrap, as the hardware's do; in C++ only those of unsigned numbers may.
template <typename T>
using Word = std::conditional_t<std::is_same_v<T, std::int32_t>, std::uint32_t, T>;

template <typename T>
const Word<T>* words(const py::array_t<T, py::array::c_style>& array) {
  return reinterpret_cast<const Word<T>*>(array.data());
}

sim::MacWatch watch(const Progress& progress) {
  return [&progress](std::uint64_t macs) {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (progress) (*progress)(macs);
  };
}

/// Both operands of a problem and room for its outputs.
template <typename T>
struct Values {
  Values(const problem::Problem& problem, const py::array& inputs_, const py::array& weights_)
      : inputs(whole<T>(inputs_, problem.tensor(problem::Role::inputs))),
        weights(whole<T>(weights_, problem.tensor(problem::Role::weights))),
        outputs(room_for_outputs<T>(problem)) {}

  sim::Tensors<Word<T>> tensors() {
    return {.inputs = words<T>(inputs),
            .weights = words<T>(weights),
            .outputs = reinterpret_cast<Word<T>*>(outputs.mutable_data())};
  }

  py::array_t<T, py::array::c_style> inputs;
  py::array_t<T, py::array::c_style> weights;
  py::array_t<T> outputs;
};

template <typename T>
std::pair<ProductRun, py::array> run_product(const problem::Problem& problem,
                                             const SystolicOptions& options, std::uint32_t waiting,
                                             const py::array& inputs, const py::array& weights,
                                             const Progress& progress) {
  Values<T> values(problem, inputs, weights);
  const sim::Tensors<Word<T>> tensors = values.tensors();
  ProductRun run;
  {
    const py::gil_scoped_release release;
    run = sim::simulate_product(problem, options, tensors, waiting, watch(progress));
  }
  return {std::move(run), values.outputs};
}

std::pair<ProductRun, py::array> simulate_product(const problem::Problem& problem,
                                                  const SystolicOptions& options,
                                                  const py::array& inputs, const py::array& weights,
                                                  std::uint32_t waiting, const Progress& progress) {
  if (inputs.dtype().kind() == 'f') {
    return run_product<float>(problem, options, waiting, inputs, weights, progress);
  }
  return run_product<std::int32_t>(problem, options, waiting, inputs, weights, progress);
}

/// An array of a chip, taken through a mapping: a dict, or None if progress stopped it.
template <typename T>
py::object run_array(const problem::Problem& problem, const arch::Architecture& architecture,
                     const mapping::Mapping& mapping, const sim::Tensors<T>& tensors,
                     const sim::SystolicArrayOptions& options, const RunProgress& progress) {
  const std::function<bool(std::uint64_t, std::uint64_t)> poll = make_poll(progress);
  std::optional<sim::SystolicArray<T>> array;
  bool whole = false;
  {
    const py::gil_scoped_release release;
    sim::SystolicArrayOptions watched = options;
    // One fold may be long: Ctrl-C is looked for within it, too.
    watched.watch = [](std::uint64_t) {
      const py::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    };
    array.emplace(problem, architecture, mapping, tensors, watched);
    whole =
        sim::drive(problem, array->plan().nest(), *array, {.poll = poll, .trace = options.trace});
  }
  if (!whole) return py::none();
  py::dict out = to_python(array->run(), architecture.size());
  out["stationary"] = problem::name(array->plan().held());
  out["outer_loops"] = array->outer_loops();
  out["folds"] = array->folds();
  out["ramp"] = array->ramp();
  return out;
}

template <typename T>
py::object run_values(const problem::Problem& problem, const arch::Architecture& architecture,
                      const mapping::Mapping& mapping, const py::array& inputs,
                      const py::array& weights, const sim::SystolicArrayOptions& options,
                      const RunProgress& progress) {
  Values<T> values(problem, inputs, weights);
  py::object out =
      run_array<Word<T>>(problem, architecture, mapping, values.tensors(), options, progress);
  if (!out.is_none()) out["outputs"] = values.outputs;
  return out;
}

py::object simulate_systolic(const problem::Problem& problem,
                             const arch::Architecture& architecture,
                             const mapping::Mapping& mapping,
                             const std::optional<py::array>& inputs,
                             const std::optional<py::array>& weights, bool activity,
                             std::uint32_t waiting, const RunProgress& progress,
                             sim::TraceWriter* trace, std::uint64_t trace_window) {
  const sim::SystolicArrayOptions options{
      .activity = activity, .waiting = waiting, .trace = trace, .trace_window = trace_window};
  if (inputs.has_value() != weights.has_value()) {
    throw std::invalid_argument("give both inputs and weights, or neither");
  }
  if (!inputs) {
    return run_array<std::uint32_t>(problem, architecture, mapping, {}, options, progress);
  }
  if (inputs->dtype().kind() == 'f') {
    return run_values<float>(problem, architecture, mapping, *inputs, *weights, options, progress);
  }
  return run_values<std::int32_t>(problem, architecture, mapping, *inputs, *weights, options,
                                  progress);
}

py::dict traffic(const cost::PerRole<std::uint64_t>& words) {
  py::dict out;
  for (const problem::Role role : problem::kEveryRole) {
    out[problem::name(role)] = words[static_cast<std::size_t>(problem::index(role))];
  }
  return out;
}

}  // namespace

void register_systolic(py::module_& module) {
  py::enum_<sim::Stationary>(module, "Stationary")
      .value("inputs", sim::Stationary::inputs)
      .value("weights", sim::Stationary::weights)
      .value("outputs", sim::Stationary::outputs);
  py::class_<SystolicOptions>(module, "SystolicOptions", "A systolic array.")
      .def(py::init([](std::int64_t rows, std::int64_t columns, sim::Stationary stationary,
                       bool double_buffered, bool activity) {
             return SystolicOptions{rows, columns, stationary, double_buffered, activity};
           }),
           py::kw_only(), py::arg("rows"), py::arg("columns"), py::arg("stationary"),
           py::arg("double_buffered") = false, py::arg("activity") = false);
  py::class_<ProductRun>(module, "ProductRun", "What a layer took on a systolic array.")
      .def_readonly("cycles", &ProductRun::cycles)
      .def_readonly("macs", &ProductRun::macs)
      .def_readonly("folds", &ProductRun::folds)
      .def_readonly("used", &ProductRun::used)
      .def_property_readonly(
          "classes",
          [](const ProductRun& run) {
            py::list out;
            for (const sim::FoldClass& one : run.classes) {
              out.append(py::make_tuple(one.rows, one.columns, one.steps, one.count));
            }
            return out;
          })
      .def_property_readonly("reads",
                             [](const ProductRun& run) { return traffic(run.traffic.reads); })
      .def_property_readonly("writes",
                             [](const ProductRun& run) { return traffic(run.traffic.writes); })
      .def_property_readonly("activity",
                             [](const ProductRun& run) { return to_python(run.activity); });
  module.def(
      "count_product",
      [](const problem::Problem& problem, const SystolicOptions& options, std::uint32_t waiting,
         const Progress& progress) {
        const py::gil_scoped_release release;
        return sim::count_product(problem, options, waiting, watch(progress));
      },
      py::arg("problem"), py::arg("options"), py::arg("waiting") = 0,
      py::arg("progress") = py::none(), "Count what simulate_product would, without values.");
  module.def(
      "simulate_product", &simulate_product, py::arg("problem"), py::arg("options"),
      py::arg("inputs"), py::arg("weights"), py::arg("waiting") = 0,
      py::arg("progress") = py::none(),
      "Run a layer on a systolic array, cycle by cycle: what it took, and the outputs. float "
      "arrays are taken as float32, others as int32. progress(macs) is called meanwhile.");
  module.def("simulate_systolic", &simulate_systolic, py::arg("problem"), py::arg("architecture"),
             py::arg("mapping"), py::arg("inputs") = py::none(), py::arg("weights") = py::none(),
             py::kw_only(), py::arg("activity") = false, py::arg("waiting") = 0,
             py::arg("progress") = py::none(), py::arg("trace") = py::none(),
             py::arg("trace_window") = 1,
             "Simulate a chip's systolic array cycle by cycle under a mapping: what it did as a "
             "dict, or None if progress(MACs done, MACs in all) returned False. ValueError if the "
             "array cannot hold the mapping.");
}

}  // namespace dnnaccel::bindings
