package polymarket.backfill.polymarket;

import java.util.List;
import polymarket.backfill.UserError;

/**
 * A call of a contract, which changes nothing.
 *
 * @param to the contract's address
 * @param data selector and arguments, as 0x and digits
 * @param block after which block
 */
public record ContractCall(String to, String data, long block) {

  /** What makes the calls. */
  public interface Caller {

    /**
     * @return what each call gave, in their order, as 0x and digits
     * @throws UserError where the node does not answer one of them
     */
    List<String> call(List<ContractCall> calls);
  }
}
