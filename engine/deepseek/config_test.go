package deepseek_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/deepseek"
	"tabseek/engine/enginetest"
)

// routing is what of a config decides the numbers and leaves no trace in the shapes.
type routing struct {
	FirstDense, PerToken, Groups, Kept int
	Norm                               bool
	Scale, Theta, Eps                  float64
	Scoring, Method                    string
}

// Keys that are left out mean what the model type's own class says, or the config is refused.
func TestClassDefaults(t *testing.T) {
	bare := func(modelType string, changes enginetest.Config) enginetest.Config {
		config := enginetest.V3().With(enginetest.Config{"model_type": modelType, "num_hidden_layers": 5, "n_routed_experts": 32})
		for _, key := range []string{
			"first_k_dense_replace", "num_experts_per_tok", "n_group", "topk_group", "norm_topk_prob", "routed_scaling_factor",
			"rope_theta", "rope_scaling", "rms_norm_eps", "scoring_func", "topk_method", "hidden_act", "moe_layer_freq",
		} {
			delete(config, key)
		}
		return config.With(changes)
	}
	for name, test := range map[string]struct {
		config enginetest.Config
		want   routing
	}{
		"v2": {bare("deepseek_v2", enginetest.Config{"num_experts_per_tok": 6}), routing{0, 6, 1, 1, false, 1, 1e4, 1e-6, "softmax", "greedy"}},
		"v3": {bare("deepseek_v3", nil), routing{3, 8, 8, 4, true, 2.5, 1e4, 1e-6, "sigmoid", "noaux_tc"}},
		"v3, null instead of absent": {bare("deepseek_v3", enginetest.Config{
			"routed_scaling_factor": nil, "rms_norm_eps": nil, "norm_topk_prob": nil, "first_k_dense_replace": nil,
		}), routing{3, 8, 8, 4, true, 2.5, 1e4, 1e-6, "sigmoid", "noaux_tc"}},
		"v3, no groups":        {bare("deepseek_v3", enginetest.Config{"n_group": nil, "topk_group": nil}), routing{3, 8, 1, 1, true, 2.5, 1e4, 1e-6, "sigmoid", "noaux_tc"}},
		"v3, experts renamed":  {bare("deepseek_v3", enginetest.Config{"n_routed_experts": enginetest.Absent, "num_local_experts": 32}), routing{3, 8, 8, 4, true, 2.5, 1e4, 1e-6, "sigmoid", "noaux_tc"}},
		"kimi":                 {bare("kimi_k2", nil), routing{3, 2, 8, 2, true, 2.827, 5e4, 1e-6, "sigmoid", "noaux_tc"}},
		"glm":                  {bare("glm4_moe_lite", enginetest.Config{"rope_theta": 1e6}), routing{1, 4, 1, 1, true, 1.8, 1e6, 1e-5, "sigmoid", "noaux_tc"}},
		"glm with layer types": {bare("glm4_moe_lite", enginetest.Config{"rope_theta": 1e6, "mlp_layer_types": []string{"dense", "dense", "sparse", "sparse", "sparse"}}), routing{2, 4, 1, 1, true, 1.8, 1e6, 1e-5, "sigmoid", "noaux_tc"}},
		"theta within rope_parameters": {bare("glm4_moe_lite", enginetest.Config{"rope_parameters": enginetest.Config{"rope_type": "default", "rope_theta": 5e5}}),
			routing{1, 4, 1, 1, true, 1.8, 5e5, 1e-5, "sigmoid", "noaux_tc"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := deepseek.ParseConfig(test.config.JSON())
			require.NoError(t, err)
			require.Equal(t, test.want, routing{
				c.FirstKDenseReplace, c.NumExpertsPerTok, c.NGroup, c.TopKGroup, c.NormTopKProb, c.RoutedScalingFactor, c.RopeTheta, c.RMSNormEps,
				c.ScoringFunc, c.TopKMethod,
			})
			require.Equal(t, 32, c.NRoutedExperts)
		})
	}
	for name, test := range map[string]struct {
		config enginetest.Config
		want   string
	}{
		"v2 says not how many experts":    {bare("deepseek_v2", nil), "num_experts_per_tok is 0"},
		"glm says not its rotation":       {bare("glm4_moe_lite", nil), "rope_theta is 0"},
		"a size":                          {bare("deepseek_v3", enginetest.Config{"v_head_dim": enginetest.Absent}), "v_head_dim is 0"},
		"sparse and then dense":           {bare("deepseek_v3", enginetest.Config{"mlp_layer_types": []string{"dense", "sparse", "dense", "sparse", "sparse"}}), `mlp_layer_types: layer 2 is "dense"`},
		"types of other kinds":            {bare("deepseek_v3", enginetest.Config{"mlp_layer_types": []string{"mamba", "sparse", "sparse", "sparse", "sparse"}}), `mlp_layer_types: layer 0 is "mamba"`},
		"fewer types than layers":         {bare("deepseek_v3", enginetest.Config{"mlp_layer_types": []string{"dense"}}), "mlp_layer_types: 1 entries for 5 layers"},
		"types that are no list of texts": {bare("deepseek_v3", enginetest.Config{"mlp_layer_types": "sparse"}), "mlp_layer_types"},
		"a part of the rotation":          {bare("deepseek_v3", enginetest.Config{"partial_rotary_factor": 0.5}), "partial_rotary_factor is 0.5"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := deepseek.ParseConfig(test.config.JSON())
			require.ErrorContains(t, err, test.want)
		})
	}
}
