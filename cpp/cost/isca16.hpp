#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

/// The counting of Chen, Emer and Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient
/// Dataflow for Convolutional Neural Networks", ISCA 2016, section VI: closed forms for its six
/// dataflows, each with a search over its own few parameters. This is not the honest walk of
/// counts.hpp. Only reads of operands count, fills are free; partial sums count 2a(b-1) in the
/// buffer and c-1 between elements; every number of passes is a ceiling of its own and halos are
/// those of fractional strips; padding is stored and fetched; groups run one after another.
namespace dnnaccel::cost::isca16 {

enum class Dataflow : std::uint8_t { rs, ws, osa, osb, osc, nlr };

/// A convolution. Filters and channels are those of one group; the input's padding is included.
/// A fully connected layer is the case where all sizes of images and filters are 1.
struct Layer {
  std::int64_t batch = 1;
  std::int64_t groups = 1;
  std::int64_t filters = 1;
  std::int64_t channels = 1;
  std::int64_t out_rows = 1;
  std::int64_t out_columns = 1;
  std::int64_t filter_rows = 1;
  std::int64_t filter_columns = 1;
  std::int64_t row_stride = 1;
  std::int64_t column_stride = 1;
  std::int64_t in_rows = 1;
  std::int64_t in_columns = 1;

  /// Throws std::invalid_argument if a size is not positive, the input is smaller than what the
  /// outputs reach, or there are more than 2^53 MACs or input words.
  void validate() const;
};

struct Storage {
  std::int64_t elements = 1;      ///< processing elements
  std::int64_t buffer_words = 0;  ///< of the one buffer
  std::int64_t rf_words = 0;      ///< of the register file of one element
};

/// What a dataflow chooses, in the paper's letters; those that a dataflow has not stay 1.
struct Mapping {
  std::int64_t m = 1;     ///< filters across the array (WS, OSB, OSC, NLR)
  std::int64_t k = 1;     ///< channels across the array (WS, NLR)
  std::int64_t w = 1;     ///< output columns across the array (OSA, OSB)
  std::int64_t h = 1;     ///< output rows across the array (OSA)
  std::int64_t n = 1;     ///< images at a time (OSB and OSC across the array, RS, NLR)
  std::int64_t e = 1;     ///< output rows at a time (RS across the array, NLR)
  std::int64_t p = 1;     ///< filters interleaved in an element (RS)
  std::int64_t q = 1;     ///< channels interleaved in an element (RS)
  std::int64_t r = 1;     ///< sets of elements with different channels (RS)
  std::int64_t t = 1;     ///< sets of elements with different filters (RS)
  std::int64_t held = 1;  ///< filters whose weights (OS) or partial sums (RS, NLR) the buffer holds

  friend bool operator==(const Mapping&, const Mapping&) = default;
};

/// Words over each level, all images and groups together; halos make them fractional.
struct Accesses {
  double macs = 0;
  double rf = 0;
  double array = 0;
  double buffer = 0;
  double dram_reads = 0;
  double dram_writes = 0;
  double rf_sums = 0;      ///< those of rf that are for partial sums, the others being for operands
  double array_sums = 0;   ///< those of array
  double buffer_sums = 0;  ///< those of buffer
};

/// Energy of one MAC and of one access at each level, in any unit.
struct Prices {
  double mac = 0;
  double rf = 0;
  double array = 0;
  double buffer = 0;
  double dram = 0;

  [[nodiscard]] double of(const Accesses& a) const {
    return mac * a.macs + rf * a.rf + array * a.array + buffer * a.buffer +
           dram * (a.dram_reads + a.dram_writes);
  }
};

enum class Place : std::uint8_t { elements, rf, buffer };

/// Where a mapping does not fit: elements or words needed, and those that are there.
struct Misfit {
  Place place = Place::buffer;
  std::int64_t needed = 0;
  std::int64_t there = 0;
};

struct Evaluation {
  Accesses accesses;
  std::int64_t elements = 0;  ///< elements at work
  std::optional<Misfit> misfit;
};

/// Count one mapping, and say whether it fits. Throws std::invalid_argument for a bad layer, or a
/// parameter below 1.
Evaluation evaluate(Dataflow dataflow, const Layer& layer, const Storage& storage,
                    const Mapping& mapping);

/// One layer to be mapped; `objective` is what an access weighs in what is minimised.
struct Job {
  Dataflow dataflow = Dataflow::rs;
  Layer layer;
  Storage storage;
  Prices objective;
};

struct Outcome {
  std::optional<Mapping> best;
  Evaluation evaluation;         ///< of the best
  std::uint64_t evaluated = 0;   ///< mappings counted that fit
  std::optional<Misfit> misfit;  ///< if none fits: what the least demanding of them needs
};

/// Find the best mapping for every job, ties going to the one with more elements at work and then
/// to the first. Parameters that only gain by growing are set as large as fits, all others are
/// tried, so the best is the optimum. `poll(done)` as in base::run_tasks; stopped jobs have no
/// best.
std::vector<Outcome> search(const std::vector<Job>& jobs, unsigned threads,
                            const std::function<bool(std::size_t)>& poll);

}  // namespace dnnaccel::cost::isca16
