package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"tabseek/engine/weights"
)

// partName is how the parts of a split GGUF file are called.
var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// quantName is what GGUF files are called after their quantisation.
var quantName = regexp.MustCompile(`(?i)(?:^|[-._/])((?:UD-)?(?:IQ|TQ|Q)\d\w*|MXFP4\w*|BF16|F16|FP16|F32|FP32)(?:[-._]|$)`)

// ggufModels lists the GGUF models of a repository: the files of each, by the name of the first without its ending.
func (r *repository) ggufModels() map[string][]string {
	models := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		if !strings.EqualFold(path.Ext(name), ".gguf") || strings.Contains(strings.ToLower(path.Base(name)), "mmproj") {
			continue
		}
		model := strings.TrimSuffix(name, path.Ext(name))
		if part := partName.FindStringSubmatch(name); part != nil {
			model = part[1]
		}
		models[model] = append(models[model], name)
	}
	return models
}

// chooseGGUF picks the GGUF files of the model that is wanted; none if it is to be safetensors.
func (p *puller) chooseGGUF() ([]string, error) {
	models := p.repository.ggufModels()
	if p.quant == "" {
		if len(models) == 0 || p.repository.hasSafetensors() {
			return nil, nil
		}
		if len(models) == 1 {
			for _, files := range models {
				return files, nil
			}
		}
		return nil, fmt.Errorf("%s: has several GGUF files: choose one with %s:QUANT, one of %s", p.repository, p.repository, strings.Join(quantsOf(models), ", "))
	}
	wanted := regexp.MustCompile(`(?i)(?:^|[-._/])` + regexp.QuoteMeta(p.quant) + `(?:[-./]|$)`)
	var found []string
	for _, model := range slices.Sorted(maps.Keys(models)) {
		if wanted.MatchString(model) {
			found = append(found, model)
		}
	}
	switch len(found) {
	case 1:
		return models[found[0]], nil
	case 0:
		if len(models) == 0 {
			return nil, fmt.Errorf("%s: has no GGUF files, so there is no %s to choose", p.repository, p.quant)
		}
		return nil, fmt.Errorf("%s: no GGUF file is called %s; there are %s", p.repository, p.quant, strings.Join(quantsOf(models), ", "))
	}
	return nil, fmt.Errorf("%s: several GGUF files are called %s: %s", p.repository, p.quant, strings.Join(found, ", "))
}

// quantsOf are the quantisations that models are called after, or else their names.
func quantsOf(models map[string][]string) []string {
	var quants []string
	for _, model := range slices.Sorted(maps.Keys(models)) {
		name := path.Base(model)
		if all := quantName.FindAllStringSubmatch(name, -1); len(all) > 0 {
			name = all[len(all)-1][1]
		}
		if !slices.Contains(quants, name) {
			quants = append(quants, name)
		}
	}
	return quants
}

func (r *repository) hasSafetensors() bool {
	for name := range r.files {
		if path.Ext(name) == ".safetensors" && !strings.Contains(name, "/") {
			return true
		}
	}
	return false
}

// chooseSafetensors picks the weights of a Hugging Face checkpoint: the files that its index names, or model.safetensors,
// or all there are.
func (p *puller) chooseSafetensors() ([]string, error) {
	const index, single = "model.safetensors.index.json", "model.safetensors"
	if _, ok := p.repository.files[index]; ok {
		data, err := p.small(index)
		if err != nil {
			return nil, err
		}
		names, err := weights.IndexFiles(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", p.repository, index, err)
		}
		return names, nil
	}
	if _, ok := p.repository.files[single]; ok {
		return []string{single}, nil
	}
	var names []string
	for name := range p.repository.files {
		if path.Ext(name) == ".safetensors" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: has neither safetensors nor GGUF files", p.repository)
	}
	slices.Sort(names)
	return names, nil
}

// fingerprint is what two pulls must agree on for one to go on with the other's work.
func (p *puller) fingerprint(plan *weights.Plan) ([]byte, error) {
	type file struct {
		Name   string
		Size   int64
		SHA256 string
	}
	var files []file
	for _, f := range p.files {
		files = append(files, file{f.name, f.size, f.sha256})
	}
	return json.Marshal(map[string]any{"origin": p.checkpoint.seed.Origin, "files": files, "tensors": plan.Tensors, "architecture": p.checkpoint.seed.Architecture})
}
