package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
	"sallyport/rego/compiler/values"
)

// evaluation is what the calls of one evaluation share.
type evaluation struct {
	bctx topdown.BuiltinContext
}

var compiledPatterns = cache.NewInterQueryValueCache(context.Background(), nil)

func newEvaluation(nanos int64, runtime []byte) *evaluation {
	e := &evaluation{bctx: topdown.BuiltinContext{
		Context:                     context.Background(),
		Metrics:                     metrics.New(),
		Seed:                        rand.Reader,
		Time:                        ast.NumberTerm(json.Number(strconv.FormatInt(nanos, 10))),
		Cancel:                      topdown.NewCancel(),
		Cache:                       builtins.Cache{},
		NDBuiltinCache:              builtins.NDBCache{},
		InterQueryBuiltinValueCache: compiledPatterns,
		Capabilities:                ast.CapabilitiesForThisVersion(),
	}}
	if len(runtime) > 0 {
		if term, err := values.Parse(runtime); err == nil {
			e.bctx.Runtime = term
		}
	}
	return e
}

func (e *evaluation) context(name string) topdown.BuiltinContext {
	e.bctx.Location = ast.NewLocation([]byte(name), "", 1, 1)
	return e.bctx
}
