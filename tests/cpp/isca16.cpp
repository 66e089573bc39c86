#include "cost/isca16.hpp"

#include <stdexcept>

#include <doctest/doctest.h>

namespace isca16 = dnnaccel::cost::isca16;

namespace {

/// AlexNet's CONV1 at a batch of images.
isca16::Layer conv1(std::int64_t batch) {
  return {.batch = batch,
          .filters = 96,
          .channels = 3,
          .out_rows = 55,
          .out_columns = 55,
          .filter_rows = 11,
          .filter_columns = 11,
          .row_stride = 4,
          .column_stride = 4,
          .in_rows = 227,
          .in_columns = 227};
}

constexpr isca16::Prices kTableIv{.mac = 1, .rf = 1, .array = 2, .buffer = 6, .dram = 200};
constexpr isca16::Storage kWeightStationary{.elements = 256, .buffer_words = 171161, .rf_words = 1};

isca16::Outcome search_one(const isca16::Job& job, unsigned threads = 1) {
  return isca16::search({job}, threads, [](std::size_t) { return true; }).at(0);
}

}  // namespace

TEST_SUITE("isca16") {
  TEST_CASE("weight stationary has a chain one filter row wide") {
    const auto found =
        isca16::evaluate(isca16::Dataflow::ws, conv1(1), kWeightStationary, {.m = 2});
    const double outputs = 96.0 * 55 * 55;
    const double macs = outputs * 3 * 121;
    CHECK(!found.misfit);
    CHECK(found.elements == 242);
    CHECK(found.accesses.macs == macs);
    CHECK(found.accesses.rf == macs);
    CHECK(found.accesses.array_sums == macs - outputs * 33);
    CHECK(found.accesses.buffer == 2 * 32 * outputs);
    CHECK(found.accesses.dram_reads == 96.0 * 363 + 48 * 3.0 * 227 * 227);
    CHECK(found.accesses.dram_writes == outputs);
  }

  TEST_CASE("the search takes the paper's mapping, and says what is missing at batch 64") {
    isca16::Job job{.dataflow = isca16::Dataflow::ws,
                    .layer = conv1(16),
                    .storage = kWeightStationary,
                    .objective = kTableIv};
    const auto found = search_one(job);
    REQUIRE(found.best);
    CHECK(found.best->m == 2);
    CHECK(found.best->k == 1);
    job.layer = conv1(64);
    const auto refused = search_one(job);
    CHECK(!refused.best);
    REQUIRE(refused.misfit);
    CHECK(refused.misfit->place == isca16::Place::buffer);
    CHECK(refused.misfit->needed == 193600);
    CHECK(refused.misfit->there == 171161);
    // Tight: a word less than what is needed does not do, and that many do.
    job.storage.buffer_words = 193599;
    CHECK(!search_one(job).best);
    job.storage.buffer_words = 193600;
    CHECK(search_one(job).best);
  }

  TEST_CASE("threads do not change what is found") {
    std::vector<isca16::Job> jobs;
    for (const auto dataflow : {isca16::Dataflow::rs, isca16::Dataflow::osa, isca16::Dataflow::osb,
                                isca16::Dataflow::osc, isca16::Dataflow::nlr}) {
      jobs.push_back({.dataflow = dataflow,
                      .layer = conv1(16),
                      .storage = {.elements = 256, .buffer_words = 65536, .rf_words = 256},
                      .objective = kTableIv});
    }
    const auto many = isca16::search(jobs, 3, [](std::size_t) { return true; });
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const auto one = search_one(jobs[i]);
      CHECK(one.best == many[i].best);
      CHECK(one.evaluated == many[i].evaluated);
    }
  }

  TEST_CASE("what makes no sense is refused") {
    isca16::Layer layer = conv1(1);
    layer.in_rows = 226;
    CHECK_THROWS_AS(layer.validate(), std::invalid_argument);
    CHECK_THROWS_AS(isca16::evaluate(isca16::Dataflow::ws, conv1(1), kWeightStationary, {.m = 0}),
                    std::invalid_argument);
    CHECK_THROWS_AS(isca16::evaluate(isca16::Dataflow::ws, conv1(1), kWeightStationary, {.m = 97}),
                    std::invalid_argument);
  }
}
