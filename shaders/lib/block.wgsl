// 32 consecutive numbers of a row. Named fields, not an array: what is indexed by a variable is kept in memory.
struct Block {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
  h: vec4<f32>,
}

fn dot_block(v: Block, w: Block) -> f32 {
  return dot(v.a, w.a) + dot(v.b, w.b) + dot(v.c, w.c) + dot(v.d, w.d) + dot(v.e, w.e) + dot(v.f, w.f) + dot(v.g, w.g) + dot(v.h, w.h);
}
