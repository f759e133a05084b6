package polymarket.backfill.sandbox;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The automated market maker of a market, with the constant product's exact arithmetic: a dozen
 * calls between the market's creation and its end, replayed from the first one when they are
 * needed.
 */
final class Pool {
  private static final BigInteger ONE = BigInteger.TEN.pow(18);

  /** Pools were how all trade went until the exchange came: 2022-11-21. */
  private static final long EXCHANGE_CAME = 1_669_000_000L;

  /** The fee of a trade, 18 decimals. */
  private static final BigInteger FEE = BigInteger.TEN.pow(16).multiply(BigInteger.TWO);

  enum Kind {
    FUND,
    BUY,
    SELL,
    UNFUND
  }

  /**
   * One call.
   *
   * @param collateral invested, returned, or added as funding
   * @param fee of a trade; the fees that go out with funding
   * @param amounts of each outcome: bought, sold, added or removed
   * @param back of each outcome: what funding sends back to the funder
   */
  record Call(
      int number,
      Kind kind,
      int wallet,
      int outcome,
      long collateral,
      long fee,
      List<Long> amounts,
      List<Long> back,
      long shares) {}

  final Market market;
  final int calls;
  final String address;

  private Pool(Market market) {
    this.market = market;
    calls = 6 + Mix.below(market.hash(76), 10);
    address = "0x" + Mix.hex(market.hash(77), 20);
  }

  /** The market's pool, or null: every second of the pools' time has one, later a few. */
  static Pool of(Market m) {
    return exists(m.universe, m.number) ? new Pool(m) : null;
  }

  static boolean exists(Universe universe, int market) {
    return !universe.negRisk(market)
        && !universe.isVersion2(market)
        && market < universe.size - 2
        && universe.trades(market) > 0
        && universe.chance(market, 75, universe.created(market) < EXCHANGE_CAME ? 500 : 60);
  }

  /** When a call happens; they rise with its number. */
  long time(int call) {
    long span = Math.min(market.closes, market.universe.now) - market.created;
    Universe u = market.universe;
    return u.timeOf(u.blockOf(market.created + span * (call + 1) / (calls + 2)));
  }

  String transaction(int call) {
    return "0x" + Mix.hex(Mix.mix(market.hash(78), call), 32);
  }

  /** All calls in their order. */
  List<Call> replay() {
    return new Replay().run();
  }

  void changes(Market.Changes changes) {
    for (Call call : replay()) {
      long time = time(call.number);
      for (int o = 0; o < market.outcomes; o++) {
        long amount =
            switch (call.kind) {
              case FUND -> call.back.get(o);
              case SELL -> -call.amounts.get(o);
              default -> call.amounts.get(o);
            };
        if (amount != 0) {
          changes.add(call.wallet, o, amount, time);
        }
      }
    }
  }

  /** The state of the pool while its calls are made one after the other. */
  private final class Replay {
    private final long[] holds = new long[market.outcomes];
    private final Map<Integer, long[]> bought = new HashMap<>();
    private final List<Call> all = new ArrayList<>();
    private long supply;
    private long fees;
    private long founders;

    List<Call> run() {
      int[] who = market.traders();
      int founder = who[Mix.below(market.hash(79), who.length)];
      for (int k = 0; k < calls; k++) {
        long h = Mix.mix(market.hash(79), k, 1);
        int wallet = who[Mix.below(h, who.length)];
        int outcome = Mix.below(Mix.mix(h, 1), market.outcomes);
        if (k == 0) {
          fund(k, founder, 1_000_000_000L + Mix.below(h, 1_000_000) * 1000L);
          founders = supply;
        } else if (k == calls - 1) {
          unfund(k, founder, founders / 2);
        } else if (k % 5 == 4) {
          fund(k, wallet, 100_000_000L + Mix.below(h, 1_000_000) * 100L);
        } else if (k % 3 != 2 || !sell(k, h)) {
          buy(k, wallet, outcome, 1_000_000L + Mix.below(Mix.mix(h, 2), 50_000_000));
        }
      }
      return all;
    }

    private void fund(int k, int wallet, long added) {
      long most = Arrays.stream(holds).max().orElse(0);
      List<Long> kept = new ArrayList<>();
      List<Long> back = new ArrayList<>();
      for (int o = 0; o < holds.length; o++) {
        long stays = supply == 0 ? added : times(added, holds[o], most);
        kept.add(stays);
        back.add(added - stays);
      }
      long shares = supply == 0 ? added : times(added, supply, most);
      for (int o = 0; o < holds.length; o++) {
        holds[o] += kept.get(o);
      }
      supply += shares;
      all.add(new Call(k, Kind.FUND, wallet, -1, added, 0, kept, back, shares));
    }

    private void unfund(int k, int wallet, long shares) {
      List<Long> removed = new ArrayList<>();
      for (int o = 0; o < holds.length; o++) {
        removed.add(times(holds[o], shares, supply));
        holds[o] -= removed.get(o);
      }
      long fee = times(fees, shares, supply);
      fees -= fee;
      supply -= shares;
      all.add(new Call(k, Kind.UNFUND, wallet, -1, 0, fee, removed, List.of(), shares));
    }

    private void buy(int k, int wallet, int outcome, long investment) {
      long fee = big(investment).multiply(FEE).divide(ONE).longValueExact();
      long net = investment - fee;
      BigInteger ending = big(holds[outcome]);
      for (int o = 0; o < holds.length; o++) {
        if (o != outcome) {
          ending = ceiling(ending.multiply(big(holds[o])), big(holds[o] + net));
        }
      }
      long tokens = holds[outcome] + net - ending.longValueExact();
      for (int o = 0; o < holds.length; o++) {
        holds[o] += net;
      }
      holds[outcome] -= tokens;
      fees += fee;
      bought.computeIfAbsent(wallet, w -> new long[holds.length])[outcome] += tokens;
      all.add(
          new Call(
              k, Kind.BUY, wallet, outcome, investment, fee, only(outcome, tokens), List.of(), 0));
    }

    /** The first who has enough sells a part of what he bought here; false where nobody has. */
    private boolean sell(int k, long h) {
      long returned = 500_000L + Mix.below(Mix.mix(h, 3), 1_000_000);
      long gross = big(returned).multiply(ONE).divide(ONE.subtract(FEE)).longValueExact();
      for (int wallet : market.traders()) {
        long[] own = bought.get(wallet);
        for (int outcome = 0; own != null && outcome < own.length; outcome++) {
          long tokens = tokensFor(outcome, gross);
          if (tokens > 0 && tokens <= own[outcome]) {
            own[outcome] -= tokens;
            holds[outcome] += tokens;
            for (int o = 0; o < holds.length; o++) {
              holds[o] -= gross;
            }
            fees += gross - returned;
            all.add(
                new Call(
                    k,
                    Kind.SELL,
                    wallet,
                    outcome,
                    returned,
                    gross - returned,
                    only(outcome, tokens),
                    List.of(),
                    0));
            return true;
          }
        }
      }
      return false;
    }

    private long tokensFor(int outcome, long gross) {
      BigInteger ending = big(holds[outcome]);
      for (int o = 0; o < holds.length; o++) {
        if (o != outcome) {
          if (holds[o] <= gross) {
            return -1;
          }
          ending = ceiling(ending.multiply(big(holds[o])), big(holds[o] - gross));
        }
      }
      return gross + ending.longValueExact() - holds[outcome];
    }

    private List<Long> only(int outcome, long amount) {
      List<Long> amounts = new ArrayList<>(java.util.Collections.nCopies(holds.length, 0L));
      amounts.set(outcome, amount);
      return amounts;
    }
  }

  private static BigInteger big(long value) {
    return BigInteger.valueOf(value);
  }

  private static long times(long a, long b, long over) {
    return big(a).multiply(big(b)).divide(big(over)).longValueExact();
  }

  private static BigInteger ceiling(BigInteger a, BigInteger b) {
    return a.add(b).subtract(BigInteger.ONE).divide(b);
  }

  // ---- logs

  void write(int number, Custody custody) {
    Call call = replay().get(number);
    String wallet = market.address(call.wallet);
    if (number == 0) {
      created(custody, wallet);
    }
    switch (call.kind) {
      case FUND -> fund(call, custody, wallet);
      case UNFUND -> unfund(call, custody, wallet);
      case BUY -> buy(call, custody, wallet);
      case SELL -> sell(call, custody, wallet);
    }
  }

  /**
   * The pool, and for some a like one on another conditional tokens contract, which is not ours.
   */
  private void created(Custody custody, String creator) {
    String foreign = "0x" + Mix.hex(market.hash(81), 20);
    for (String tokens :
        market.number % 3 == 0 ? List.of(foreign, Contracts.CTF) : List.of(Contracts.CTF)) {
      String pool = tokens.equals(foreign) ? foreign() : address;
      custody.out.log(
          Contracts.FACTORY,
          ChainEvents.POOL_CREATED,
          creator,
          pool,
          tokens,
          Contracts.USDC,
          List.of(market.condition),
          FEE);
      row(
          custody,
          "FixedProductMarketMakerCreation",
          "pool",
          pool,
          "wallet",
          creator,
          "conditional_tokens",
          tokens,
          "collateral_token",
          Contracts.USDC,
          "condition_id",
          market.condition.toString(),
          "fee_rate",
          FEE.toString());
    }
  }

  /** The pool's shares are an ERC-20 token of its own. */
  private void fund(Call call, Custody custody, String wallet) {
    custody.pay(Contracts.USDC, wallet, address, call.collateral);
    custody.splitHere(market, address, address, Contracts.USDC, call.collateral);
    custody.out.log(address, ChainEvents.ERC20, Contracts.NOBODY, wallet, call.shares);
    if (call.back.stream().anyMatch(amount -> amount > 0)) {
      custody.moveAll(market, address, address, wallet, call.back);
    }
    custody.out.log(address, ChainEvents.POOL_FUNDED, wallet, call.amounts, call.shares);
    trade(custody, "FPMMFundingAdded", call, wallet);
  }

  private void unfund(Call call, Custody custody, String wallet) {
    custody.pay(Contracts.USDC, address, wallet, call.fee);
    custody.out.log(address, ChainEvents.ERC20, wallet, Contracts.NOBODY, call.shares);
    custody.moveAll(market, address, address, wallet, call.amounts);
    custody.out.log(
        address, ChainEvents.POOL_UNFUNDED, wallet, call.amounts, call.fee, call.shares);
    trade(custody, "FPMMFundingRemoved", call, wallet);
  }

  private void buy(Call call, Custody custody, String wallet) {
    custody.pay(Contracts.USDC, wallet, address, call.collateral);
    custody.splitHere(market, address, address, Contracts.USDC, call.collateral - call.fee);
    long tokens = call.amounts.get(call.outcome);
    custody.move(market, address, address, wallet, call.outcome, tokens);
    custody.out.log(
        address, ChainEvents.POOL_BUY, wallet, call.collateral, call.fee, call.outcome, tokens);
    trade(custody, "FPMMBuy", call, wallet);
    if (market.number % 3 == 0) {
      custody.out.log(
          foreign(), ChainEvents.POOL_BUY, wallet, call.collateral, call.fee, call.outcome, tokens);
    }
  }

  /** A pool of the factory on another conditional tokens contract: its trades are not ours. */
  private String foreign() {
    return "0x" + Mix.hex(market.hash(82), 20);
  }

  private void sell(Call call, Custody custody, String wallet) {
    long tokens = call.amounts.get(call.outcome);
    custody.move(market, address, wallet, address, call.outcome, tokens);
    custody.mergeHere(market, address, address, Contracts.USDC, call.collateral + call.fee);
    custody.pay(Contracts.USDC, address, wallet, call.collateral);
    custody.out.log(
        address, ChainEvents.POOL_SELL, wallet, call.collateral, call.fee, call.outcome, tokens);
    trade(custody, "FPMMSell", call, wallet);
  }

  private void trade(Custody custody, String event, Call call, String wallet) {
    row(
        custody,
        event,
        "pool",
        address,
        "wallet",
        wallet,
        "condition_id",
        market.condition.toString(),
        "outcome_index",
        call.outcome,
        "collateral",
        call.collateral,
        "fee",
        call.fee,
        "amounts",
        call.amounts,
        "pool_shares",
        call.shares);
  }

  private static void row(Custody custody, String event, Object... fields) {
    if (custody.out.rows()) {
      Object[] all = new Object[fields.length + 2];
      all[0] = "event";
      all[1] = event;
      System.arraycopy(fields, 0, all, 2, fields.length);
      custody.out.row("amm", 0, all);
    }
  }
}
