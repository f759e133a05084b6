package polymarket.backfill.audit;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.UserError;
import polymarket.backfill.polymarket.ContractCall;

/** A node that is asked for balances: what it is called with, and what its answers mean. */
public final class Node {

  /** The selector of balanceOf(address). */
  private static final String BALANCE_OF = "0x70a08231";

  /** The selector of balanceOfBatch(address[],uint256[]). */
  private static final String BALANCE_OF_BATCH = "0x4e1273f4";

  /**
   * Balances in one call: reading one takes up to 3,000 gas, and nodes let a call take some
   * millions.
   */
  private static final int MOST_BALANCES = 500;

  private static final int DIGITS = 64;

  /**
   * A wallet's balance of an ERC-1155 token.
   *
   * @param contract of the token
   * @param block after which block
   */
  record Holding(String contract, BigInteger token, String wallet, long block) {}

  private final ContractCall.Caller caller;

  /**
   * @param caller makes the calls at the source's pace
   */
  public Node(ContractCall.Caller caller) {
    this.caller = caller;
  }

  /**
   * What an address had of an ERC-20 token after a block, in base units.
   *
   * @throws UserError where the node does not say, such as one without old states
   */
  BigInteger balance(String token, String holder, long block) {
    return words(
            caller
                .call(List.of(new ContractCall(token, BALANCE_OF + word(address(holder)), block)))
                .get(0),
            1)
        .get(0);
  }

  /**
   * What wallets had, in base units and in the order of the holdings. Those of one contract and
   * block are asked for together.
   *
   * @throws UserError where the node does not say
   */
  List<BigInteger> balances(List<Holding> holdings) {
    Map<List<Object>, List<Integer>> alike = new LinkedHashMap<>();
    for (int i = 0; i < holdings.size(); i++) {
      alike
          .computeIfAbsent(
              List.of(holdings.get(i).contract, holdings.get(i).block), key -> new ArrayList<>())
          .add(i);
    }
    List<List<Integer>> parts = new ArrayList<>();
    for (List<Integer> same : alike.values()) {
      for (int from = 0; from < same.size(); from += MOST_BALANCES) {
        parts.add(same.subList(from, Math.min(same.size(), from + MOST_BALANCES)));
      }
    }
    List<String> answers =
        caller.call(
            parts.stream().map(part -> batch(part.stream().map(holdings::get).toList())).toList());
    BigInteger[] balances = new BigInteger[holdings.size()];
    for (int part = 0; part < parts.size(); part++) {
      List<Integer> places = parts.get(part);
      List<BigInteger> words = words(answers.get(part), 2 + places.size());
      for (int i = 0; i < places.size(); i++) {
        balances[places.get(i)] = words.get(2 + i);
      }
    }
    return List.of(balances);
  }

  /** Two lists behind their offsets, each with its length before it. */
  private static ContractCall batch(List<Holding> holdings) {
    StringBuilder data = new StringBuilder(BALANCE_OF_BATCH);
    BigInteger length = BigInteger.valueOf(holdings.size());
    data.append(word(BigInteger.valueOf(64)));
    data.append(word(BigInteger.valueOf(32L * (3 + holdings.size()))));
    data.append(word(length));
    holdings.forEach(holding -> data.append(word(address(holding.wallet))));
    data.append(word(length));
    holdings.forEach(holding -> data.append(word(holding.token)));
    return new ContractCall(holdings.get(0).contract, data.toString(), holdings.get(0).block);
  }

  private static BigInteger address(String address) {
    return new BigInteger(address.substring(2), 16);
  }

  private static String word(BigInteger value) {
    String digits = value.toString(16);
    return "0".repeat(DIGITS - digits.length()) + digits;
  }

  private static List<BigInteger> words(String answer, int count) {
    if (!answer.matches("0x[0-9a-fA-F]*") || answer.length() != 2 + count * DIGITS) {
      throw new UserError(
          "the node's answer is not " + count + " words of 32 bytes: no such contract there?");
    }
    List<BigInteger> words = new ArrayList<>(count);
    for (int at = 2; at < answer.length(); at += DIGITS) {
      words.add(new BigInteger(answer.substring(at, at + DIGITS), 16));
    }
    return words;
  }
}
