# Why a request is not allowed: what each similar capability lacks. Evaluated only for denials.
package sallyport

lacking contains sprintf("the integration \"%s\" has no manifest", [input.integration.name]) if not manifest

lacking contains sprintf("no network capability names the host \"%s\"", [input.http.host]) if {
	input.request.kind == "http"
	manifest
	count(on_host(input.http.host)) == 0
}

lacking contains sprintf("%s does not allow the port %d", [one.id, input.http.port]) if {
	input.request.kind == "http"
	some one in on_host(input.http.host)
	not input.http.port in one.ports
}

lacking contains sprintf("%s does not allow the method %s", [one.id, input.http.method]) if {
	input.request.kind == "http"
	some one in on_host(input.http.host)
	not allows_method(one, input.http.method)
}

lacking contains sprintf("%s does not allow the path %s", [one.id, input.http.path]) if {
	input.request.kind == "http"
	some one in on_host(input.http.host)
	not allows_path(one, input.http)
}

lacking contains sprintf("%s does not allow this value of the query key \"%s\"", [one.id, key]) if {
	input.request.kind == "http"
	some one in on_host(input.http.host)
	some key, values in one.query
	not allows_values(values, object.get(input.http.judgedQuery, key, []))
}

lacking contains sprintf("%s does not say encodedSlash: literal, and the path has an encoded slash: %s", [one.id, input.http.path]) if {
	input.request.kind == "http"
	input.http.encodedSlash
	some one in on_host(input.http.host)
	not one.encodedSlash
}

lacking contains sprintf("%s does not say emptySegments: literal, and the path has an empty segment: %s", [one.id, input.http.path]) if {
	input.request.kind == "http"
	input.http.emptySegments
	some one in on_host(input.http.host)
	not one.emptySegments
}

lacking contains sprintf("%s has tls: %s, and this is %s", [one.id, one.tls, input.http.scheme]) if {
	input.request.kind == "http"
	some one in on_host(input.http.host)
	one.tls != visible[input.http.scheme]
}

lacking contains sprintf("no network capability names the host \"%s\"", [input.tunnel.host]) if {
	input.request.kind == "tunnel"
	manifest
	count(on_host(input.tunnel.host)) == 0
}

lacking contains sprintf("%s does not allow the port %d", [one.id, input.tunnel.port]) if {
	input.request.kind == "tunnel"
	some one in on_host(input.tunnel.host)
	not input.tunnel.port in one.ports
}

lacking contains sprintf("no network capability names the host \"%s\"", [input.lookup.host]) if {
	input.request.kind == "lookup"
	manifest
	count(on_host(input.lookup.host)) == 0
}

lacking contains sprintf("no service capability names \"%s\"", [input.service.name]) if {
	input.request.kind == "service"
	manifest
	not manifest.services[input.service.name]
}

lacking contains sprintf("%s does not allow the method %s", [one.id, input.service.method]) if {
	input.request.kind == "service"
	some one in manifest.services[input.service.name]
	not allows_method(one, input.service.method)
}

lacking contains sprintf("%s does not allow the path %s", [one.id, input.service.path]) if {
	input.request.kind == "service"
	some one in manifest.services[input.service.name]
	not allows_path(one, input.service)
}

lacking contains sprintf("%s does not allow this value of the query key \"%s\"", [one.id, key]) if {
	input.request.kind == "service"
	some one in manifest.services[input.service.name]
	some key, values in one.query
	not allows_values(values, object.get(input.service.judgedQuery, key, []))
}

lacking contains sprintf("%s does not say encodedSlash: literal, and the path has an encoded slash: %s", [one.id, input.service.path]) if {
	input.request.kind == "service"
	input.service.encodedSlash
	some one in manifest.services[input.service.name]
	not one.encodedSlash
}

lacking contains sprintf("%s does not say emptySegments: literal, and the path has an empty segment: %s", [one.id, input.service.path]) if {
	input.request.kind == "service"
	input.service.emptySegments
	some one in manifest.services[input.service.name]
	not one.emptySegments
}

lacking contains sprintf("%s does not allow WebSockets", [one.id]) if {
	input.request.kind == "service"
	some one in manifest.services[input.service.name]
	not allows_websocket(one)
}

lacking contains sprintf("no file capability is called \"%s\"", [input.file.root]) if {
	input.request.kind == "file"
	manifest
	not manifest.files[input.file.root]
}

lacking contains sprintf("%s does not allow to %s", [one.id, input.file.action]) if {
	input.request.kind == "file"
	some one in manifest.files[input.file.root]
	not input.file.action in one.actions
}

lacking contains sprintf("%s does not allow the path %s", [one.id, input.file.path]) if {
	input.request.kind == "file"
	some one in manifest.files[input.file.root]
	not allows_path(one, {"path": input.file.path})
}
