// Visits of a step's rows, brought together by expert, so that an expert's weights are read once for up to BATCH of them. An expert's
// visits go BATCH by BATCH into groups; of the rest, LEAST or more are another group, and fewer go one by one into singles. Lists
// end with NONE: a group's, that of groups, and singles. In each, experts and visits are in no order that matters.
//
// One workgroup, of which a thread takes every THREADS-th expert.

const NONE: u32 = 0xffffffffu;

struct Params {
  visits: u32,
  experts: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> routes: array<vec2<u32>>;         // (visits): expert, weight
@group(0) @binding(2) var<storage, read_write> singles: array<u32>;
@group(0) @binding(3) var<storage, read_write> groups: array<u32>;  // BATCH visits each

var<workgroup> kept: array<vec2<u32>, THREADS>;  // singles and groups of a thread's experts

// A bound that hangs on uniforms alone would have lavapipe compile the loop unrolled, anew in every dispatch, and keep each.
fn all_visits() -> u32 {
  return min(params.visits, arrayLength(&routes));
}

fn visits_to(expert: u32) -> u32 {
  var count = 0u;
  for (var i = 0u; i < all_visits(); i++) {
    count += u32(routes[i].x == expert);
  }
  return count;
}

// How many singles and how many groups so many visits of an expert make.
fn divide(visits: u32) -> vec2<u32> {
  let rest = visits % BATCH;
  if (rest >= LEAST) {
    return vec2<u32>(0u, visits / BATCH + 1u);
  }
  return vec2<u32>(rest, visits / BATCH);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var mine = vec2<u32>(0u);
  for (var expert = thread; expert < params.experts; expert += THREADS) {
    mine += divide(visits_to(expert));
  }
  kept[thread] = mine;
  for (var i = thread; i < arrayLength(&singles); i += THREADS) {
    singles[i] = NONE;
  }
  for (var i = thread; i < arrayLength(&groups); i += THREADS) {
    groups[i] = NONE;
  }
  storageBarrier();
  workgroupBarrier();

  var to = vec2<u32>(0u);
  for (var before = 0u; before < thread; before++) {
    to += kept[before];
  }
  for (var expert = thread; expert < params.experts; expert += THREADS) {
    let grouped = divide(visits_to(expert)).y * BATCH;
    var seen = 0u;
    for (var i = 0u; i < all_visits(); i++) {
      if (routes[i].x == expert) {
        if (seen < grouped) {
          groups[to.y * BATCH + seen] = i;
        } else {
          singles[to.x] = i;
          to.x++;
        }
        seen++;
      }
    }
    to.y += grouped / BATCH;
  }
}
