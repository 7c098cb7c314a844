requires packed_4x8_integer_dot_product;
// Rows and activations are multiplied as int8, four at a time: activations are rounded, in blocks of 32, to 127 steps of
// their greatest. int8_q4_0.wgsl or int8_q8_0.wgsl says how a block of a row is read and multiplied.

// 32 activations: four int8 a word, in order.
struct Factor {
  low: vec4<u32>,
  high: vec4<u32>,
  scale: f32,
  sum: i32,
}

fn max4(v: vec4<f32>) -> f32 {
  let m = max(abs(v.xy), abs(v.zw));
  return max(m.x, m.y);
}

fn pack(v: vec4<f32>) -> u32 {
  return pack4xI8(vec4<i32>(round(v)));
}

fn sum4(words: vec4<u32>) -> i32 {
  let ones = 0x01010101u;
  return dot4I8Packed(words.x, ones) + dot4I8Packed(words.y, ones) + dot4I8Packed(words.z, ones) + dot4I8Packed(words.w, ones);
}

// Activations as dot_rows wants them.
fn factor(v: Block) -> Factor {
  let most = max(max(max(max4(v.a), max4(v.b)), max(max4(v.c), max4(v.d))), max(max(max4(v.e), max4(v.f)), max(max4(v.g), max4(v.h))));
  let by = 127.0 / max(most, 1.0e-30);
  let low = vec4<u32>(pack(v.a * by), pack(v.b * by), pack(v.c * by), pack(v.d * by));
  let high = vec4<u32>(pack(v.e * by), pack(v.f * by), pack(v.g * by), pack(v.h * by));
  return Factor(low, high, most / 127.0, sum4(low) + sum4(high));
}

fn dot4(w: vec4<u32>, x: vec4<u32>) -> i32 {
  return dot4I8Packed(w.x, x.x) + dot4I8Packed(w.y, x.y) + dot4I8Packed(w.z, x.z) + dot4I8Packed(w.w, x.w);
}

// Products of one, two or four rows, added to their sums.
fn dot_1(sum: f32, a: RowBlock, x: Factor) -> f32 {
  return sum + dot_row(a, x);
}

fn dot_2(sum: vec2<f32>, a: RowBlock, b: RowBlock, x: Factor) -> vec2<f32> {
  return sum + vec2<f32>(dot_row(a, x), dot_row(b, x));
}

fn dot_4(sum: vec4<f32>, a: RowBlock, b: RowBlock, c: RowBlock, d: RowBlock, x: Factor) -> vec4<f32> {
  return sum + vec4<f32>(dot_row(a, x), dot_row(b, x), dot_row(c, x), dot_row(d, x));
}
