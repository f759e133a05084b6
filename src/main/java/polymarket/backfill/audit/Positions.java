package polymarket.backfill.audit;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.HashRange;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.clickhouse.Views;

/**
 * Makes the tables wallet_positions and wallet_pnl anew from the chain's tables, in slices of whole
 * markets that stay under {@value Memory#CAP}; the old ones stay in place until the new ones are
 * complete.
 */
public final class Positions {

  /** Generous: a change with its place, while a slice is sorted. */
  private static final long BYTES_A_CHANGE = 512;

  private static final long FEWEST = 1000;
  private static final int WALLET = 20;
  private static final int MARKET = 32;
  private static final int WIDE = 32;
  private static final int LINES_AN_INSERT = 20_000;

  private final ClickHouse clickHouse;
  private final Messages messages;
  private final Consumer<String> progress;
  private final Steps steps;
  private final SqlFile sql = SqlFile.read("positions");
  private long changes;

  /**
   * What was made.
   *
   * @param changes what bought or sold tokens
   * @param realized profit of all wallets together, a decimal number
   */
  public record Result(
      boolean interrupted,
      long changes,
      long positions,
      long wallets,
      String realized,
      long millis) {}

  /**
   * @param progress receives the progress, one short line at a time
   */
  public Positions(
      ClickHouse clickHouse, Settings settings, Messages messages, Consumer<String> progress) {
    clickHouse.requireOneShard("positions");
    this.clickHouse = clickHouse;
    this.messages = messages;
    this.progress = progress;
    steps = new Steps("positions", false, Memory.bytes(settings, Memory.CAP), 1);
  }

  /** Ends after the slice in flight; the tables stay as they were. */
  public void stop() {
    steps.stop();
  }

  /**
   * @throws UserError where no fill is stored, or ClickHouse refuses
   */
  public Result run() {
    long started = System.nanoTime();
    Views.create(clickHouse, "positions");
    Map<String, Object> values = new HashMap<>(Memory.of(steps.budget()));
    long count = clickHouse.number(sql.section("change-count").sql(values));
    if (count == 0) {
      throw new UserError("no logs of the chain are stored yet: run `backfill run chain` first");
    }
    ChainIndex.make(clickHouse, steps, messages);
    steps.run("know tokens", () -> clickHouse.execute(sql.section("known-tokens"), values));
    steps.run("next tables", () -> clickHouse.execute(sql.section("next"), values));
    List<HashRange> slices = HashRange.of(count, steps.budget() / 2 / BYTES_A_CHANGE);
    each("add up", "changes", slices, values, this::sum);
    each("positions", "positions", slices, values, clickHouse::execute);
    each("profits", "pnl", slices, values, clickHouse::execute);
    if (!steps.isStopped()) {
      clickHouse.execute(sql.section("exchange"), values);
    }
    Map<String, Object> sums = clickHouse.rows(sql.section("sums").sql(values), Map.of()).get(0);
    return new Result(
        steps.isStopped(),
        changes,
        ((Number) sums.get("positions")).longValue(),
        ((Number) sums.get("owners")).longValue(),
        (String) sums.get("realized_pnl"),
        (System.nanoTime() - started) / 1_000_000);
  }

  private void each(
      String step,
      String section,
      List<HashRange> slices,
      Map<String, Object> values,
      Consumer<String> work) {
    int[] done = {0};
    steps.each(
        step,
        slices,
        slice -> {
          Map<String, Object> own = new HashMap<>(values);
          own.put("in_range", slice.between());
          work.accept(sql.section(section).sql(own));
          progress.accept(
              "positions: "
                  + step
                  + ", "
                  + ++done[0]
                  + " of "
                  + Math.max(done[0], slices.size())
                  + " slices");
        },
        slice -> slice.ids() < FEWEST ? List.of() : slice.halves());
  }

  /** Adds up a slice: its changes come by market and wallet, in the chain's order. */
  private void sum(String query) {
    clickHouse.binary(
        query,
        in -> {
          DataInputStream rows = new DataInputStream(new BufferedInputStream(in, 1 << 16));
          Sums sums = new Sums();
          byte[] owner = new byte[MARKET + WALLET];
          byte[] last = new byte[0];
          WalletTokens tokens = new WalletTokens();
          while (begins(rows, owner)) {
            if (!Arrays.equals(owner, last)) {
              sums.add(last, tokens);
              tokens = new WalletTokens();
              last = owner.clone();
            }
            tokens.apply(
                rows.readUnsignedByte(),
                Long.reverseBytes(rows.readLong()),
                numbers(rows),
                numbers(rows),
                new BigInteger(wide(rows)));
            changes++;
          }
          sums.add(last, tokens);
          sums.insert();
        });
  }

  /** Reads the market and wallet of the next row; false at the end. */
  private static boolean begins(InputStream rows, byte[] owner) throws IOException {
    int read = rows.readNBytes(owner, 0, owner.length);
    if (read > 0 && read < owner.length) {
      throw new IOException("the answer ends within a row");
    }
    return read > 0;
  }

  /** The wallets' sums, on their way into the table. */
  private final class Sums {
    private final StringBuilder lines = new StringBuilder();
    private int many;
    private int inserts;

    /**
     * @param owner market and wallet; empty before the first
     */
    void add(byte[] owner, WalletTokens tokens) {
      tokens
          .positions()
          .forEach(
              (token, position) -> {
                if (position.bought().signum() == 0) {
                  return;
                }
                lines
                    .append("{\"wallet\":\"0x")
                    .append(HexFormat.of().formatHex(owner, MARKET, owner.length))
                    .append("\",\"token_id\":\"")
                    .append(token)
                    .append("\",\"amount\":\"")
                    .append(position.amount())
                    .append("\",\"average\":\"")
                    .append(position.average())
                    .append("\",\"bought\":\"")
                    .append(position.bought())
                    .append("\",\"realized\":\"")
                    .append(position.realized())
                    .append("\",\"last_block\":")
                    .append(position.lastBlock())
                    .append("}\n");
                many++;
              });
      if (many >= LINES_AN_INSERT) {
        insert();
      }
    }

    void insert() {
      if (many > 0) {
        clickHouse.insert(
            "default.positions_summed",
            lines.toString().getBytes(StandardCharsets.UTF_8),
            "positions " + System.nanoTime() + " " + inserts++);
        lines.setLength(0);
        many = 0;
      }
    }
  }

  /** An array of unsigned numbers. */
  private static List<BigInteger> numbers(DataInputStream rows) throws IOException {
    int many = 0;
    int shift = 0;
    int next;
    do {
      next = rows.readUnsignedByte();
      many |= (next & 0x7f) << shift;
      shift += 7;
    } while (next > 0x7f);
    List<BigInteger> numbers = new ArrayList<>(many);
    for (int i = 0; i < many; i++) {
      numbers.add(new BigInteger(1, wide(rows)));
    }
    return numbers;
  }

  /** A 256-bit number, the highest byte first. */
  private static byte[] wide(DataInputStream rows) throws IOException {
    byte[] bytes = rows.readNBytes(WIDE);
    if (bytes.length < WIDE) {
      throw new IOException("the answer ends within a row");
    }
    for (int i = 0; i < WIDE / 2; i++) {
      byte low = bytes[i];
      bytes[i] = bytes[WIDE - 1 - i];
      bytes[WIDE - 1 - i] = low;
    }
    return bytes;
  }
}
