#include "cost/isca16.hpp"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

namespace isca16 = cost::isca16;

constexpr std::array<std::pair<const char*, isca16::Dataflow>, 6> kDataflows{{
    {"rs", isca16::Dataflow::rs},
    {"ws", isca16::Dataflow::ws},
    {"osa", isca16::Dataflow::osa},
    {"osb", isca16::Dataflow::osb},
    {"osc", isca16::Dataflow::osc},
    {"nlr", isca16::Dataflow::nlr},
}};

constexpr std::array<std::pair<const char*, std::int64_t isca16::Mapping::*>, 11> kParameters{{
    {"m", &isca16::Mapping::m},
    {"k", &isca16::Mapping::k},
    {"w", &isca16::Mapping::w},
    {"h", &isca16::Mapping::h},
    {"n", &isca16::Mapping::n},
    {"e", &isca16::Mapping::e},
    {"p", &isca16::Mapping::p},
    {"q", &isca16::Mapping::q},
    {"r", &isca16::Mapping::r},
    {"t", &isca16::Mapping::t},
    {"held", &isca16::Mapping::held},
}};

constexpr std::array<const char*, 3> kPlaces{"elements", "rf", "buffer"};

isca16::Dataflow dataflow_of(const std::string& name) {
  for (const auto& [known, dataflow] : kDataflows) {
    if (name == known) return dataflow;
  }
  throw std::invalid_argument("isca16: no dataflow " + name);
}

isca16::Mapping mapping_of(const std::map<std::string, std::int64_t>& given) {
  isca16::Mapping out;
  for (const auto& [name, value] : given) {
    bool known = false;
    for (const auto& [parameter, member] : kParameters) {
      if (name != parameter) continue;
      out.*member = value;
      known = true;
    }
    if (!known) throw std::invalid_argument("isca16: no parameter " + name);
  }
  return out;
}

/// What was found for one job, or counted of one mapping.
struct Result {
  std::optional<isca16::Mapping> mapping;
  isca16::Evaluation evaluation;
  std::uint64_t evaluated = 0;
};

using MisfitTuple = std::optional<std::tuple<std::string, std::int64_t, std::int64_t>>;
using Progress = std::optional<std::function<void(std::size_t, std::size_t)>>;

std::vector<Result> search(const std::vector<isca16::Job>& jobs, unsigned threads,
                           const Progress& progress) {
  std::vector<isca16::Outcome> outcomes;
  {
    const py::gil_scoped_release release;
    outcomes = isca16::search(jobs, threads, [&](std::size_t done) {
      const py::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (progress && *progress) (*progress)(done, jobs.size());
      return true;
    });
  }
  std::vector<Result> out;
  out.reserve(outcomes.size());
  for (isca16::Outcome& outcome : outcomes) {
    out.push_back({outcome.best, outcome.evaluation, outcome.evaluated});
    if (!outcome.best) out.back().evaluation.misfit = outcome.misfit;
  }
  return out;
}

}  // namespace

void register_isca16(py::module_& module) {
  py::class_<isca16::Layer>(module, "Isca16Layer", "A convolution as ISCA 2016 counts it.")
      .def(py::init([](std::int64_t batch, std::int64_t groups, std::int64_t filters,
                       std::int64_t channels, std::pair<std::int64_t, std::int64_t> out_size,
                       std::pair<std::int64_t, std::int64_t> filter_size,
                       std::pair<std::int64_t, std::int64_t> stride,
                       std::pair<std::int64_t, std::int64_t> in_size) {
             isca16::Layer layer{.batch = batch,
                                 .groups = groups,
                                 .filters = filters,
                                 .channels = channels,
                                 .out_rows = out_size.first,
                                 .out_columns = out_size.second,
                                 .filter_rows = filter_size.first,
                                 .filter_columns = filter_size.second,
                                 .row_stride = stride.first,
                                 .column_stride = stride.second,
                                 .in_rows = in_size.first,
                                 .in_columns = in_size.second};
             layer.validate();
             return layer;
           }),
           py::kw_only(), py::arg("batch"), py::arg("groups"), py::arg("filters"),
           py::arg("channels"), py::arg("out_size"), py::arg("filter_size"), py::arg("stride"),
           py::arg("in_size"));
  py::class_<isca16::Job>(module, "Isca16Job", "One layer to be mapped by one dataflow.")
      .def(py::init([](const std::string& dataflow, const isca16::Layer& layer,
                       const std::array<std::int64_t, 3>& storage,
                       const std::array<double, 5>& objective) {
             return isca16::Job{.dataflow = dataflow_of(dataflow),
                                .layer = layer,
                                .storage = {.elements = storage[0],
                                            .buffer_words = storage[1],
                                            .rf_words = storage[2]},
                                .objective = {objective[0], objective[1], objective[2],
                                              objective[3], objective[4]}};
           }),
           py::arg("dataflow"), py::arg("layer"), py::arg("storage"), py::arg("objective"),
           "storage: elements, words of the buffer and of a register file; objective: weight of a "
           "MAC and of an access to register file, array, buffer and DRAM.");
  py::class_<Result>(module, "Isca16Result", "What a mapping, or the best one, costs.")
      .def_property_readonly("mapping",
                             [](const Result& r) {
                               std::optional<std::map<std::string, std::int64_t>> out;
                               if (!r.mapping) return out;
                               out.emplace();
                               for (const auto& [name, member] : kParameters)
                                 (*out)[name] = (*r.mapping).*member;
                               return out;
                             })
      .def_property_readonly("accesses",
                             [](const Result& r) {
                               const isca16::Accesses& a = r.evaluation.accesses;
                               return std::map<std::string, double>{{"macs", a.macs},
                                                                    {"rf", a.rf},
                                                                    {"array", a.array},
                                                                    {"buffer", a.buffer},
                                                                    {"dram_reads", a.dram_reads},
                                                                    {"dram_writes", a.dram_writes},
                                                                    {"rf_sums", a.rf_sums},
                                                                    {"array_sums", a.array_sums},
                                                                    {"buffer_sums", a.buffer_sums}};
                             })
      .def_property_readonly("misfit",
                             [](const Result& r) -> MisfitTuple {
                               const auto& misfit = r.evaluation.misfit;
                               if (!misfit) return std::nullopt;
                               const auto place = static_cast<std::size_t>(misfit->place);
                               return std::tuple{kPlaces.at(place), misfit->needed, misfit->there};
                             })
      .def_property_readonly("elements", [](const Result& r) { return r.evaluation.elements; })
      .def_readonly("evaluated", &Result::evaluated);
  module.def(
      "isca16_evaluate",
      [](const isca16::Job& job, const std::map<std::string, std::int64_t>& mapping) {
        const isca16::Mapping given = mapping_of(mapping);
        return Result{given, isca16::evaluate(job.dataflow, job.layer, job.storage, given), 1};
      },
      py::arg("job"), py::arg("mapping"),
      "Count one mapping; parameters that are not given are 1. ValueError if one makes no sense.");
  module.def("isca16_search", &search, py::arg("jobs"), py::arg("threads") = 0,
             py::arg("progress") = py::none(),
             "Find the best mapping of every job. Ctrl-C stops it; progress(done, total) is called "
             "meanwhile.");
}

}  // namespace dnnaccel::bindings
