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
