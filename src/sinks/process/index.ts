/** The process that ships the log. */
export { type ShipperProcess, startShipper } from './start-shipper.ts'
