// q8_0: a block is 2 words of 16 int8, times one f16 scale.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;  // two f16 each

// The 4 signed bytes of a word.
fn signed_bytes(word: u32) -> vec4<f32> {
  let v = vec4<i32>(bitcast<i32>(word << 24u), bitcast<i32>(word << 16u), bitcast<i32>(word << 8u), bitcast<i32>(word));
  return vec4<f32>(v >> vec4<u32>(24u));
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> array<vec4<f32>, 8> {
  var out: array<vec4<f32>, 8>;
  let at = (matrix * rows + row) * blocks + block;
  let scale = unpack2x16float(scales[at / 2u] >> (16u * (at % 2u))).x;
  for (var i = 0u; i < 2u; i++) {
    let v = weights[2u * at + i];
    out[4u * i] = scale * signed_bytes(v.x);
    out[4u * i + 1u] = scale * signed_bytes(v.y);
    out[4u * i + 2u] = scale * signed_bytes(v.z);
    out[4u * i + 3u] = scale * signed_bytes(v.w);
  }
  return out;
}
