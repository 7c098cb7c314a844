package enginetest

import "tabseek/engine/weights"

// Cases lists the shapes that an engine is compared on.
func Cases() []Case {
	var all []Case
	for _, list := range [][]Case{families(), heads()} {
		all = append(all, list...)
	}
	return all
}

// families are the plain models of each kind.
func families() []Case {
	return []Case{
		{Name: "v2", Config: V2(), Native: true},
		{Name: "v3", Config: V3(), Native: true},
		{Name: "v3 fp8", Config: V3(), DTypes: FP8, Native: true},
		{Name: "dense", Config: Dense(), Native: true},
	}
}

func heads() []Case { return []Case{{Name: "f32", Config: V3(), DTypes: Plain(weights.DTypeF32)}} }
