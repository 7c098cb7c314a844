// How fast the device reads: workgroup g sums up vec4s of a buffer, THREADS at a time, each read once by the dispatch; y[g] is the
// sum, so that no read can be left out.

struct Params {
  count: u32,  // vec4s
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<atomic<u32>>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var sum = vec4<u32>(0u);
  for (var i = group.x * THREADS + thread; i < params.count; i += groups.x * THREADS) {
    sum += x[i];
  }
  atomicAdd(&y[group.x], sum.x + sum.y + sum.z + sum.w);
}
