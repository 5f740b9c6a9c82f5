package main

import (
	"bytes"
	"context"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/version"
)

// build compiles the sources to WebAssembly and tells what of the input they can look at.
func build(request Request) Answer {
	checked, _, capabilities, problems := compileRequest(request)
	if len(problems) > 0 {
		return Answer{Problems: problems}
	}
	modules, _, _ := parse(request)
	source := &bundle.Bundle{Data: map[string]any{}, Manifest: bundle.Manifest{RegoVersion: pointer(1)}}
	for _, name := range sortedNames(request.Sources) {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		source.Modules = append(source.Modules, bundle.ModuleFile{URL: name, Path: name, Raw: []byte(request.Sources[name]), Parsed: modules[name]})
	}
	var out bytes.Buffer
	compiler := compile.New().
		WithCapabilities(capabilities).
		WithTarget(compile.TargetWasm).
		WithOptimizationLevel(0).
		WithEntrypoints(request.Entrypoints...).
		WithRegoVersion(ast.RegoV1).
		WithOutput(&out).
		WithBundle(source)
	if err := compiler.Build(context.Background()); err != nil {
		return Answer{Problems: explain(err)}
	}
	built := compiler.Bundle()
	if len(built.WasmModules) == 0 {
		return Answer{Problems: []Problem{{Code: "build", Message: "the compiler gave no WebAssembly"}}}
	}
	return Answer{OPA: version.Version, Wasm: built.WasmModules[0].Raw, Reads: reads(checked)}
}

func compileRequest(request Request) (*ast.Compiler, map[string]*ast.Module, *ast.Capabilities, []Problem) {
	kept := map[string]string{}
	for name, text := range request.Sources {
		if !strings.HasSuffix(name, "_test.rego") {
			kept[name] = text
		}
	}
	request.Sources = kept
	return checkSources(request)
}

func pointer(value int) *int { return &value }
