// What becomes of the tokens drawn: those of a sequence whose rows stand at positions p, p + 1 .. p + DEPTH, the first on its
// last known token, the others on drafts of what follows it.
//
// What the first row drew is the next token. If it is the draft that the second row read, what that one drew is the one after
// it, and so on: a draft is accepted if it equals what is drawn in its place, so that the text is the same with drafts and
// without. The tokens join the sequence and their counts; accepted is how many they are; passes has, of each sequence, its
// position, how many passes it has had, and what the last `ring` of them accepted. Without drafts the rows move on; with
// drafts they stay where the draft module is to read them.
//
// One thread does one sequence.

struct Params {
  sequences: u32,  // of the step
  vocab: u32,
  capacity: u32,   // positions from one sequence's tokens to the next
  ring: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> drawn: array<u32>;             // (sequences of the step, 1 + DEPTH)
@group(0) @binding(2) var<storage, read> sampling: array<RowSampling>;
@group(0) @binding(3) var<storage, read_write> rows: array<vec2<u32>>;  // (sequences of the step, 1 + DEPTH): sequence, position
@group(0) @binding(4) var<storage, read_write> drafting: array<vec2<u32>>;  // (sequences of the step): where drafts go on from
@group(0) @binding(5) var<storage, read_write> tokens: array<u32>;      // (sequences, capacity)
@group(0) @binding(6) var<storage, read_write> counts: array<u32>;      // (sequences, vocab)
@group(0) @binding(7) var<storage, read_write> accepted: array<u32>;    // (sequences of the step)
@group(0) @binding(8) var<storage, read_write> passes: array<u32>;      // (sequences, 2 + ring)

@compute @workgroup_size(16)
fn main(@builtin(local_invocation_index) n: u32) {
  if (n >= params.sequences) {
    return;
  }
  let first = n * (1u + DEPTH);
  let at = rows[first];
  let s = sampling[at.x].choices;
  let counted = s.repetition_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0;
  var count = 0u;
  for (var i = 0u; i <= DEPTH; i++) {
    let to = at.y + 1u + i;
    if (to >= params.capacity) {
      break;
    }
    let id = drawn[first + i];
    let draft = tokens[at.x * params.capacity + to];
    tokens[at.x * params.capacity + to] = id;
    if (counted && id < params.vocab) {
      counts[at.x * params.vocab + id] += 1u;
    }
    count = i + 1u;
    if (id != draft) {
      break;
    }
  }
  accepted[n] = count;
  let number = passes[at.x * (2u + params.ring) + 1u];
  passes[at.x * (2u + params.ring)] = at.y + count;
  passes[at.x * (2u + params.ring) + 1u] = number + 1u;
  passes[at.x * (2u + params.ring) + 2u + number % params.ring] = count;
  drafting[n] = vec2<u32>(at.x, at.y + max(count, 1u) - 1u);
  if (DEPTH == 0u) {
    rows[first].y = at.y + count;
  }
}
