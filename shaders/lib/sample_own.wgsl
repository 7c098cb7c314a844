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
fn adjust_own(row: u32, sequence: u32, first: u32, thread: u32) {
  let s = sampling[row].choices;
  if (s.repetition_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0) {
    for (var i = 0u; i < OWN; i++) {
      let id = first + OWN * thread + i;
      if (id < params.vocab) {
        own[i] = penalise(own[i], counts[sequence * params.vocab + id], s);
      }
    }
  }
  for (var j = 0u; j < s.bias_count; j++) {
    let bias = sampling[row].biases[j];
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
