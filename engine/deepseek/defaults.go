package deepseek

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// defaults is what a config.json of a model type means where it leaves a key out.
type defaults map[string]any

// classDefaults are those of the config classes that read the files for others: transformers 5 (deepseek_v2,
// deepseek_v3, glm4_moe_lite, youtu) and Moonshot's own (kimi_k2). Only what the tensors' shapes do not show stands
// here, and what a class leaves open does not: without it a config is refused. Where dense layers and MLPs without
// experts are told apart by a key, its default is here too.
var classDefaults = map[string]defaults{
	"deepseek_v2": {
		"rope_theta": 10000, "first_k_dense_replace": 0, "n_routed_experts": 64, "n_shared_experts": 2,
		"scoring_func": "softmax", "topk_method": "greedy", "norm_topk_prob": false, "routed_scaling_factor": 1,
	},
	"deepseek_v3": {
		"rope_theta": 10000, "first_k_dense_replace": 3, "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
		"n_group": 8, "topk_group": 4, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
	},
	"kimi_k2": {
		"rope_theta": 50000, "first_k_dense_replace": 3, "n_routed_experts": 128, "n_shared_experts": 1, "num_experts_per_tok": 2,
		"n_group": 8, "topk_group": 2, "norm_topk_prob": true, "routed_scaling_factor": 2.827,
	},
	"glm4_moe_lite": {
		"rms_norm_eps": 1e-5, "first_k_dense_replace": 1, "n_routed_experts": 64, "n_shared_experts": 1, "num_experts_per_tok": 4,
		"norm_topk_prob": true, "routed_scaling_factor": 1.8,
	},
	"youtu":     {"tie_word_embeddings": true},
	"youtu_llm": {"tie_word_embeddings": true},
	"minicpm3":  {"tie_word_embeddings": true, "rope_theta": 10000, "scale_emb": 1, "scale_depth": 1, "dim_model_base": 1},
	"plm":       {"tie_word_embeddings": true, "rope_theta": 10000, "hidden_act": "relu2"},
}

// commonDefaults are those that all these classes agree on, or that only some of them have a key for.
var commonDefaults = defaults{
	"hidden_act": "silu", "rms_norm_eps": 1e-6, "moe_layer_freq": 1, "routed_scaling_factor": 1,
	"scoring_func": "sigmoid", "topk_method": "noaux_tc",
}

// optional are the keys whose null says "none"; a null of any other key is no better than the key left out.
var optional = []string{"q_lora_rank", "rope_scaling", "n_group", "topk_group", "n_routed_experts", "n_shared_experts", "num_experts_per_tok"}

// spellings are other names of keys, as transformers' attribute maps have them.
var spellings = map[string]string{"num_experts": "n_routed_experts", "num_local_experts": "n_routed_experts"}

// complete fills in what a config.json leaves to its class.
func complete(data []byte) ([]byte, error) {
	given := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &given); err != nil {
		return nil, err
	}
	var modelType string
	if name, ok := given["model_type"]; ok {
		if err := json.Unmarshal(name, &modelType); err != nil {
			return nil, fmt.Errorf("model_type: %w", err)
		}
	}
	whole := maps.Clone(commonDefaults)
	maps.Copy(whole, classDefaults[modelType])
	for key, name := range spellings {
		if value, ok := given[key]; ok {
			whole[name] = value
		}
	}
	for key, value := range given {
		if !bytes.Equal(value, []byte("null")) || slices.Contains(optional, key) {
			whole[key] = value
		}
	}
	return json.Marshal(whole)
}
