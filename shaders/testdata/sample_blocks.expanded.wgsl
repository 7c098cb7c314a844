// sample_blocks block=1024 threads=64 top=20 max_biases=300
const BLOCK: u32 = 1024u;
const THREADS: u32 = 64u;
const TOP: u32 = 20u;
const MAX_BIASES: u32 = 300u;
// What the kernels of sampling share: a row's choices, the order of tokens, penalties and biases, and sums in a fixed order.
// BLOCK consecutive tokens make a block, OWN consecutive ones of it belong to one of THREADS threads.

struct Sampling {
  temperature: f32,
  top_p: f32,
  min_p: f32,
  repetition_penalty: f32,
  presence_penalty: f32,
  frequency_penalty: f32,
  top_k: u32,
  seed: u32,
  answer_start: u32,
  bias_count: u32,
}

struct Bias {
  id: u32,
  value: f32,
}

struct RowSampling {
  choices: Sampling,
  biases: array<Bias, MAX_BIASES>,
}

struct Token {
  value: f32,  // its logit
  id: u32,
}

struct Block {
  broken: u32,       // how many logits are not finite
  exponentials: f32, // sum of exp(logit - top[0].value), without penalties and biases
  best: Token,       // with penalties and biases, as all below
  mass: f32,         // sum of exp((logit - best) / temperature)
  top: array<Token, TOP>,  // the likeliest without penalties and biases, in order
}

const LOWEST: f32 = -3.4028234e38;
const LARGE: f32 = 3.0e38;
const IN_PROMPT: u32 = 0x80000000u;
const OWN: u32 = BLOCK / THREADS;

// What the kernels that read logits share: a thread's own tokens of a block, with penalties and biases, and sums in a fixed order.
var<private> own: array<f32, OWN>;  // the logits of the thread's tokens; LOWEST beyond the vocabulary

const PART: u32 = 8u;  // threads whose sums are added up first
const PARTS: u32 = THREADS / PART;

var<workgroup> sums: array<f32, THREADS>;
var<workgroup> part_sums: array<f32, PARTS>;
var<workgroup> bests: array<Token, THREADS>;
var<workgroup> part_bests: array<Token, PARTS>;

// Whether a goes before b: the greater logit, the lower id among equals.
fn before(a: Token, b: Token) -> bool {
  return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// Whether fewer than all tokens are candidates.
fn cuts(s: Sampling) -> bool {
  return s.top_p < 1.0 || s.min_p > 0.0 || (s.top_k > 0u && s.top_k < params.vocab);
}

// exp(x / temperature) of a difference x <= 0: 0 where that is too small for an f32.
fn weigh(x: f32, temperature: f32) -> f32 {
  return exp(max(x / temperature, -200.0));
}

// (the sum of v over the threads before this one, over all), in a fixed order: by parts.
fn sum_all(thread: u32, v: f32) -> vec2<f32> {
  sums[thread] = v;
  workgroupBarrier();
  if (thread < PARTS) {
    var part = 0.0;
    for (var i = 0u; i < PART; i++) {
      part += sums[PART * thread + i];
    }
    part_sums[thread] = part;
  }
  workgroupBarrier();
  var result = vec2<f32>(0.0);
  for (var i = 0u; i < PARTS; i++) {
    if (i == thread / PART) {
      result.x = result.y;
    }
    result.y += part_sums[i];
  }
  for (var i = thread / PART * PART; i < thread; i++) {
    result.x += sums[i];
  }
  workgroupBarrier();
  return result;
}

// The first of all threads' tokens.
fn best_all(thread: u32, mine: Token) -> Token {
  bests[thread] = mine;
  workgroupBarrier();
  if (thread < PARTS) {
    var best = bests[PART * thread];
    for (var i = 1u; i < PART; i++) {
      let other = bests[PART * thread + i];
      if (before(other, best)) {
        best = other;
      }
    }
    part_bests[thread] = best;
  }
  workgroupBarrier();
  var best = part_bests[0];
  for (var i = 1u; i < PARTS; i++) {
    if (before(part_bests[i], best)) {
      best = part_bests[i];
    }
  }
  workgroupBarrier();
  return best;
}

// The TOP first of many tokens are found by the first token of each thread: let the threads stand in order of it, and what goes
// behind the first token of thread number TOP goes behind TOP others. Few tokens are left, whose places are counted.
var<workgroup> bound: Token;
var<workgroup> found: atomic<u32>;
var<workgroup> candidates: array<Token, MOST>;

// Whether the thread may have any of them, given its first token; those that do not go behind `bound` are candidates.
fn has_candidates(thread: u32, mine: Token) -> bool {
  bests[thread] = mine;
  workgroupBarrier();
  var place = 0u;
  for (var i = 0u; i < THREADS; i++) {
    place += select(0u, 1u, before(bests[i], mine));
  }
  if (place == TOP - 1u) {
    bound = mine;
  }
  workgroupBarrier();
  return place < TOP;
}

fn add_candidate(token: Token) {
  let to = atomicAdd(&found, 1u);
  if (to < MOST) { // more only where logits are no numbers, which have no order
    candidates[to] = token;
  }
}

// How many candidates go before one, of all n.
fn place_of(token: Token, n: u32) -> u32 {
  var place = 0u;
  for (var i = 0u; i < n; i++) {
    place += select(0u, 1u, before(candidates[i], token));
  }
  return place;
}

// Reads the thread's logits of the block from token `first` on.
fn load_own(row: u32, first: u32, thread: u32) {
  for (var i = 0u; i < OWN; i++) {
    let id = first + OWN * thread + i;
    own[i] = LOWEST;
    if (id < params.vocab) {
      own[i] = logits[row * params.logits_stride + id];
    }
  }
}

// Puts penalties and biases on them. counts has, for each token of a sequence, how often the answer has it, and IN_PROMPT.
fn adjust_own(sequence: u32, first: u32, thread: u32) {
  let s = sampling[sequence].choices;
  if (s.repetition_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0) {
    for (var i = 0u; i < OWN; i++) {
      let id = first + OWN * thread + i;
      if (id < params.vocab) {
        own[i] = penalise(own[i], counts[sequence * params.vocab + id], s);
      }
    }
  }
  for (var j = 0u; j < s.bias_count; j++) {
    let bias = sampling[sequence].biases[j];
    let at = bias.id - first;  // wraps round below first
    if (bias.id < params.vocab && at < BLOCK && at / OWN == thread) {
      own[at % OWN] += bias.value;
    }
  }
}

// The repetition penalty is that of Keskar et al. 2019 as Hugging Face applies it, the others are OpenAI's.
fn penalise(l: f32, count: u32, s: Sampling) -> f32 {
  if (count == 0u) {
    return l;
  }
  var out = select(l * s.repetition_penalty, l / s.repetition_penalty, l > 0.0);
  let answered = count & ~IN_PROMPT;
  if (answered > 0u) {
    out -= s.presence_penalty + f32(answered) * s.frequency_penalty;
  }
  return clamp(out, -LARGE, LARGE);
}

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

