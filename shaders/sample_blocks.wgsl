// The one pass over the logits, spread over workgroups: each sums up one block of BLOCK tokens of one row, for sample.wgsl.
//
// Of the logits as they are: whether all are finite, the sum of their exponentials, the TOP likeliest tokens. Of the logits
// with penalties and biases: the greatest, the sum of the weights exp((logit - greatest) / temperature). Where top_k, top_p or
// min_p cut, also all logits of the block in falling order, each with the sum of the weights up to it: so sample.wgsl
// finds a threshold over all blocks without reading the logits again.
//
// Equal logits go in order of id. Sums are in a fixed order: the result is always the same, bit for bit.

struct Params {
  vocab: u32,
  logits_stride: u32,
  capacity: u32,
  ring: u32,
  shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> sampling: array<RowSampling>;
@group(0) @binding(3) var<storage, read> rows: array<vec2<u32>>;  // (sequence, position)
@group(0) @binding(4) var<storage, read> counts: array<u32>;      // (sequences, vocab)
@group(0) @binding(5) var<storage, read_write> blocks: array<Block>;       // (rows, blocks)
@group(0) @binding(6) var<storage, read_write> sorted: array<vec2<f32>>;   // (rows, blocks, BLOCK): logit, weights up to it

const MOST: u32 = TOP * OWN;  // candidates for the likeliest: no thread but the TOP with the greatest logits has any
const BINS: u32 = 512u;
const OWN_BINS: u32 = BINS / THREADS;

var<workgroup> broken: atomic<u32>;
var<workgroup> values: array<f32, BLOCK>;
var<workgroup> bins: array<atomic<u32>, BINS>;  // how many logits a bin has; then, where it begins in values

// The first of the thread's tokens.
fn best_own(first: u32, thread: u32) -> Token {
  var best = Token(own[0], first + OWN * thread);
  for (var i = 1u; i < OWN; i++) {
    if (own[i] > best.value) {
      best = Token(own[i], first + OWN * thread + i);
    }
  }
  return best;
}

// The sum over the block of exp((logit - best) / temperature).
fn mass_of(first: u32, thread: u32, best: f32, temperature: f32) -> f32 {
  var mass = 0.0;
  for (var i = 0u; i < OWN; i++) {
    if (first + OWN * thread + i < params.vocab) {
      mass += weigh(own[i] - best, temperature);
    }
  }
  return sum_all(thread, mass).y;
}

// Writes the TOP first tokens of the block, given the thread's first.
fn write_top(at: u32, first: u32, thread: u32, mine: Token) {
  if (has_candidates(thread, mine)) {
    for (var i = 0u; i < OWN; i++) {
      let token = Token(own[i], first + OWN * thread + i);
      if (!before(bound, token)) {
        add_candidate(token);
      }
    }
  }
  workgroupBarrier();
  let n = min(atomicLoad(&found), MOST);
  for (var c = thread; c < n; c += THREADS) {
    let place = place_of(candidates[c], n);
    if (place < TOP) {
      blocks[at].top[place] = candidates[c];
    }
  }
}

// The bin of a logit, the greatest in the first: narrow near the block's greatest and wider the further off, 64 in each
// doubling of the distance, as the bits of an f32 are.
fn bin_of(l: f32, best: f32) -> u32 {
  let distance = min(0.5 * best - 0.5 * l, 1.0e6);
  return min((bitcast<u32>(1.0 + 32.0 * distance) - 0x3f800000u) >> 17u, BINS - 1u);
}

// Turns the bins' counts into where each begins.
fn begin_bins(thread: u32) {
  var count = 0u;
  for (var i = 0u; i < OWN_BINS; i++) {
    count += atomicLoad(&bins[OWN_BINS * thread + i]);
  }
  var begin = u32(sum_all(thread, f32(count)).x);
  for (var i = 0u; i < OWN_BINS; i++) {
    count = atomicLoad(&bins[OWN_BINS * thread + i]);
    atomicStore(&bins[OWN_BINS * thread + i], begin);
    begin += count;
  }
  workgroupBarrier();
}

// Sorts the block's logits into values, the greatest first: by bins, and within a bin by counting how many go before. Equal
// logits lie side by side in whatever order, which nobody can tell.
fn sort_own(thread: u32, best: f32) {
  for (var i = 0u; i < OWN_BINS; i++) {
    atomicStore(&bins[OWN_BINS * thread + i], 0u);
  }
  workgroupBarrier();
  var places: array<u32, OWN>;
  for (var i = 0u; i < OWN; i++) {
    places[i] = atomicAdd(&bins[bin_of(own[i], best)], 1u);
  }
  workgroupBarrier();
  begin_bins(thread);
  for (var i = 0u; i < OWN; i++) {
    places[i] += atomicLoad(&bins[bin_of(own[i], best)]);
    values[places[i]] = own[i];
  }
  workgroupBarrier();
  for (var i = 0u; i < OWN; i++) {
    let bin = bin_of(own[i], best);
    let begin = atomicLoad(&bins[bin]);
    var end = BLOCK;
    if (bin + 1u < BINS) {
      end = atomicLoad(&bins[bin + 1u]);
    }
    var place = begin;
    for (var j = begin; j < end; j++) {
      place += select(0u, 1u, values[j] > own[i] || (values[j] == own[i] && j < places[i]));
    }
    places[i] = place;
  }
  workgroupBarrier();
  for (var i = 0u; i < OWN; i++) {
    values[places[i]] = own[i];
  }
  workgroupBarrier();
}

// Writes the block's logits in falling order, with sums of weights.
fn write_sorted(at: u32, thread: u32, best: f32, temperature: f32) {
  sort_own(thread, best);
  var mass = 0.0;
  for (var i = 0u; i < OWN; i++) {
    own[i] = values[OWN * thread + i];
    mass += weigh(own[i] - best, temperature);
  }
  mass = sum_all(thread, mass).x;
  for (var i = 0u; i < OWN; i++) {
    mass += weigh(own[i] - best, temperature);
    sorted[BLOCK * at + OWN * thread + i] = vec2<f32>(own[i], mass);
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.y;
  let at = row * groups.x + group.x;
  let first = group.x * BLOCK;
  let s = sampling[rows[row].x].choices;

  load_own(row, first, thread);
  for (var i = 0u; i < OWN; i++) {  // by their bits: arithmetic on others is not reliable
    if ((bitcast<u32>(own[i]) & 0x7f800000u) == 0x7f800000u) {
      atomicAdd(&broken, 1u);
    }
  }
  var mine = best_own(first, thread);
  var best = best_all(thread, mine);
  let exponentials = mass_of(first, thread, best.value, 1.0);
  write_top(at, first, thread, mine);

  adjust_own(rows[row].x, first, thread);
  best = best_all(thread, best_own(first, thread));
  var mass = 0.0;
  if (s.temperature > 0.0) {
    mass = mass_of(first, thread, best.value, s.temperature);
    if (cuts(s)) {
      write_sorted(at, thread, best.value, s.temperature);
    }
  }
  if (thread == 0u) {
    blocks[at].broken = atomicLoad(&broken);
    blocks[at].exponentials = exponentials;
    blocks[at].best = best;
    blocks[at].mass = mass;
  }
}
