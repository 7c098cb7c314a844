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
