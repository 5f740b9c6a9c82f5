# Which paths a capability allows, and which forms of a path: what origins read in two ways needs the capability's word.
package sallyport

allows_path(one, _) if one.paths.any

allows_path(one, target) if one.paths.exact[target.path]

# From patterns that end in `**`, their only wildcard: it stands for anything.
allows_path(one, target) if {
	some prefix in one.paths.prefixes
	startswith(target.path, prefix)
}

allows_path(one, target) if {
	some pattern in one.paths.globs
	matches(pattern, target)
}

matches(pattern, target) if {
	not has_form(target)
	glob.match(pattern, ["/"], target.path)
}

# A `*` stands neither for an encoded slash nor for an empty segment: each gets a sign of its own that it cannot pass.
matches(pattern, target) if {
	has_form(target)
	glob.match(marked(pattern), ["/", "\u0001", "\u0002"], marked(target.path))
}

# No path and no pattern has control characters. Twice, since `///` holds two empty segments that share a slash.
marked(path) := replace(replace(replace(path, "%2F", "\u0001"), "//", "/\u0002/"), "//", "/\u0002/")

has_form(target) if target.encodedSlash

has_form(target) if target.emptySegments

is_unchosen(one, target) if {
	target.encodedSlash
	not one.encodedSlash
}

is_unchosen(one, target) if {
	target.emptySegments
	not one.emptySegments
}

# No capability of the host or service has chosen the form: then no rule opens it either, since rules that were written before
# see another path than the origin.
nowhere_chosen if {
	input.http.encodedSlash
	count([one | some one in on_host(input.http.host); one.encodedSlash]) == 0
}

nowhere_chosen if {
	input.http.emptySegments
	count([one | some one in on_host(input.http.host); one.emptySegments]) == 0
}

nowhere_chosen if {
	input.service.encodedSlash
	count([one | some one in manifest.services[input.service.name]; one.encodedSlash]) == 0
}

nowhere_chosen if {
	input.service.emptySegments
	count([one | some one in manifest.services[input.service.name]; one.emptySegments]) == 0
}
