package main

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/util"
	"github.com/open-policy-agent/opa/v1/version"
)

// build compiles the sources to WebAssembly and tells what of the input they can look at.
func build(request Request) Answer {
	source, allowed, references, problems := bundleOf(request)
	if len(problems) > 0 {
		return Answer{Problems: problems}
	}
	rules := rulePaths(source.Modules) // before the planner takes the entry point's rule out
	plan, err := planOf(source, allowed, request.Entrypoints)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	reads, refused := policyReadsOf(plan)
	if len(refused) > 0 {
		return Answer{Problems: refused}
	}
	built, err := compileBundle(source, allowed, request.Entrypoints, nil)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	if len(built.WasmModules) == 0 {
		return Answer{Problems: []Problem{{Code: "build", Message: "the compiler gave no WebAssembly"}}}
	}
	return Answer{OPA: version.Version, Wasm: built.WasmModules[0].Raw, PolicyReads: &reads, Rules: rules, References: references}
}

// rulePaths are the places below data where rules stand, down to the first key that is computed.
func rulePaths(modules []bundle.ModuleFile) [][]string {
	paths := map[string][]string{}
	for _, module := range modules {
		for _, rule := range module.Parsed.Rules {
			path := []string{}
			for _, term := range rule.Ref().GroundPrefix()[1:] {
				key, ok := term.Value.(ast.String)
				if !ok {
					break
				}
				path = append(path, string(key))
			}
			paths[strings.Join(path, "\x00")] = path
		}
	}
	sorted := make([][]string, 0, len(paths))
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		sorted = append(sorted, paths[name])
	}
	return sorted
}

// bundleUp builds a bundle as OPA's own servers and tools hand them round.
func bundleUp(request Request) Answer {
	source, allowed, _, problems := bundleOf(request)
	if len(problems) > 0 {
		return Answer{Problems: problems}
	}
	source.Manifest.Revision = request.Revision
	if len(request.Roots) > 0 {
		source.Manifest.Roots = &request.Roots
	}
	if len(request.Data) > 0 {
		// Numbers as they are spelled: a double does not hold each of them.
		if err := util.UnmarshalJSON(request.Data, &source.Data); err != nil {
			return Answer{Problems: []Problem{{Code: "data", Message: err.Error()}}}
		}
	}
	var out bytes.Buffer
	if _, err := compileBundle(source, allowed, request.Entrypoints, &out); err != nil {
		return Answer{Problems: explain(err)}
	}
	return Answer{OPA: version.Version, Bundle: out.Bytes()}
}

func compileBundle(source *bundle.Bundle, allowed *ast.Capabilities, entrypoints []string, out *bytes.Buffer) (*bundle.Bundle, error) {
	if out == nil {
		out = &bytes.Buffer{}
	}
	compiler := compile.New().
		WithCapabilities(allowed).
		WithTarget(compile.TargetWasm).
		WithOptimizationLevel(0).
		WithEntrypoints(entrypoints...).
		WithRegoVersion(ast.RegoV1).
		WithOutput(out).
		WithBundle(source)
	if err := compiler.Build(context.Background()); err != nil {
		return nil, err
	}
	return compiler.Bundle(), nil
}

// bundleOf parses and type-checks the sources, tests left out where they are not what is built.
func bundleOf(request Request) (*bundle.Bundle, *ast.Capabilities, []Reference, []Problem) {
	var modules map[string]*ast.Module
	var allowed *ast.Capabilities
	var references []Reference
	var problems []Problem
	if request.WithTests {
		modules, allowed, problems = parse(request)
	} else {
		request.Sources = withoutTests(request.Sources)
		modules, allowed, references, problems = checkSources(request)
	}
	if len(problems) > 0 {
		return nil, nil, nil, problems
	}
	source := &bundle.Bundle{Data: map[string]any{}, Manifest: bundle.Manifest{RegoVersion: pointer(1)}}
	for _, name := range sortedNames(request.Sources) {
		source.Modules = append(source.Modules, bundle.ModuleFile{URL: name, Path: name, Raw: []byte(request.Sources[name]), Parsed: modules[name]})
	}
	return source, allowed, references, nil
}

func withoutTests(sources map[string]string) map[string]string {
	kept := map[string]string{}
	for name, text := range sources {
		if !strings.HasSuffix(name, "_test.rego") {
			kept[name] = text
		}
	}
	return kept
}

func pointer(value int) *int { return &value }
