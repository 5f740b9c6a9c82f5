/** The version of the schemas of records (docs/reference/audit-records.md). A member that is added does not change it; one that goes, or means something else, does. */
export const recordVersion = 2
