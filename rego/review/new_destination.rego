# An integration reached a destination that it had never reached before. Of an integration that is new itself, only that is
# said: all that it does is new.
package sallyport.checks.new_destination

findings contains {
	"id": destination.name,
	"severity": "medium",
	"title": sprintf("reached %s for the first time", [destination.name]),
	"why": sprintf("%d allowed requests since %s, and none in the log before", [destination.uses, destination.first.time]),
	"records": [destination.first.index],
} if {
	not input.integration.isNew
	some destination in input.integration.destinations
	destination.isNew
}

findings contains {
	"id": "new-integration",
	"severity": "low",
	"title": "was allowed something for the first time",
	"why": "the log holds no request of this integration from before the window",
	"records": [input.integration.first.index],
} if {
	input.integration.isNew
}

findings contains {
	"id": "too-many",
	"severity": "medium",
	"title": "reached more destinations than a review keeps",
	"why": sprintf("%d uses of destinations beyond those that are kept were not compared", [input.integration.destinationsBeyond]),
	"records": [],
} if {
	input.integration.destinationsBeyond > 0
}
