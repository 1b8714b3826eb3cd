import { Quantity, QuantityError } from "../../quantity.ts";
import { LIBRARY_TYPES, type Library } from "../functions.ts";
import { Fault, LibraryValue } from "../values.ts";

class QuantityValue extends LibraryValue {
  readonly typeName = LIBRARY_TYPES.quantity!.name;
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }
  override equals(other: LibraryValue): boolean {
    return other instanceof QuantityValue && this.quantity.compare(other.quantity) === 0;
  }
  override toJson(): string {
    return this.quantity.toString();
  }
}

function parse(text: string): QuantityValue {
  try {
    return new QuantityValue(Quantity.parse(text));
  } catch (error) {
    if (error instanceof QuantityError) throw new Fault(error.message);
    throw error;
  }
}
function isQuantity(text: string): boolean {
  try {
    Quantity.parse(text);
    return true;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}

const NANO = 1_000_000_000n;
const INT_MAX = (1n << 63n) - 1n;
const isInteger = ({ quantity: { nano } }: QuantityValue): boolean =>
  nano % NANO === 0n && nano / NANO <= INT_MAX && nano / NANO >= -INT_MAX - 1n;

type Q = QuantityValue;
const sign = ({ quantity }: Q): bigint => BigInt(quantity.sign);

/** Kubernetes' quantities. */
export const quantities: Library = {
  "quantity(string): quantity": parse,
  "isQuantity(string): bool": isQuantity,
  "sign(quantity): int": sign,
  "quantity -> sign(): int": sign,
  "quantity -> isGreaterThan(quantity): bool": (a: Q, b: Q) => a.quantity.compare(b.quantity) > 0,
  "quantity -> isLessThan(quantity): bool": (a: Q, b: Q) => a.quantity.compare(b.quantity) < 0,
  "quantity -> compareTo(quantity): int": (a: Q, b: Q) => BigInt(a.quantity.compare(b.quantity)),
  "quantity -> asApproximateFloat(): double": ({ quantity }: Q) => quantity.toNumber(),
  "quantity -> asInteger(): int": (value: Q) => {
    if (!isInteger(value)) throw new Fault("cannot convert value to integer");
    return value.quantity.nano / NANO;
  },
  "quantity -> isInteger(): bool": isInteger,
  "quantity -> add(quantity): quantity": (a: Q, b: Q) => new QuantityValue(a.quantity.add(b.quantity)),
  "quantity -> add(int): quantity": (a: Q, b: bigint) => new QuantityValue(a.quantity.add(Quantity.of(b))),
  "quantity -> sub(quantity): quantity": (a: Q, b: Q) => new QuantityValue(a.quantity.subtract(b.quantity)),
  "quantity -> sub(int): quantity": (a: Q, b: bigint) => new QuantityValue(a.quantity.subtract(Quantity.of(b))),
};
