package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.sandbox.SandboxOptions;

/** `backfill load chain-fills`: fills from a Parquet file, as the program is typed. */
class LoadIT {

  private static final String SUM =
      "SELECT concat(toString(count()), ' ', toString(countIf(taker_order)), ' ',"
          + " toString(sum(cityHash64(block_number, log_index, block_time, transaction_hash,"
          + " order_hash, owner, counterparty, role, side, token_id, shares, collateral, fee))))"
          + " FROM default.chain_fills FINAL";

  @TempDir Path folder;
  private TestBed bed;

  @BeforeEach
  void start() {
    bed =
        TestBed.start(
            new SandboxOptions().conditions(400).fillsPerMarket(60).blockSeconds(2000).limits(0));
    Views.create(TestBed.clickHouse(), "chain-tables");
    bed.set("clickhouse.data", folder.resolve("data").toString())
        .set("clickhouse.embedded.files", folder.toString());
  }

  @AfterEach
  void close() {
    bed.close();
  }

  /** Matches of two makers and a taker, and every seventh order filled alone. */
  private static void fillTheTable(int rows) {
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.chain_fills (exchange, version, block_number, block_time,"
                + " transaction_hash, log_index, order_hash, owner, counterparty, role,"
                + " taker_order, side, token_id, shares, collateral, fee, builder, batch,"
                + " fetched_at) WITH unhex('4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e') AS x,"
                + " intDiv(number, 3) AS match, match % 7 = 0 AS solitary, number % 3 = 2 AND NOT"
                + " solitary AS taker SELECT x, 'V1', 40000000 + intDiv(number, 30),"
                + " toDateTime(1670000000 + intDiv(number, 30) * 2, 'UTC'),"
                + " reinterpretAsFixedString(toUInt256(cityHash64(match)) * 3), number % 30,"
                + " reinterpretAsFixedString(toUInt256(cityHash64(number, 1)) * 3),"
                + " toFixedString(if(taker, substring(hex(cityHash64(match, 2)), 1, 16),"
                + " substring(hex(cityHash64(number, 3)), 1, 16)), 20), if(taker, x,"
                + " toFixedString(substring(hex(cityHash64(match, 2)), 1, 16), 20)), if(taker,"
                + " 'taker', 'maker'), taker OR solitary, if(number % 2 = 0, 'BUY', 'SELL'),"
                + " toUInt256(cityHash64(number % 50)) * 1000003, number + 1, number + 7, number %"
                + " 5, '', 'b', now64(3) FROM numbers("
                + rows
                + ")");
  }

  private static void write(Path file, String exchange) throws Exception {
    try (InputStream rows =
        TestBed.clickHouse()
            .raw(
                "SELECT block_number, log_index AS logIndex, block_time AS timestamp,"
                    + " concat('0x', lower(hex(transaction_hash))) AS tx_hash, "
                    + (exchange == null
                        ? ""
                        : "concat('0x', lower(hex(toFixedString(exchange, 20)))) AS "
                            + exchange
                            + ", ")
                    + "lower(hex(order_hash)) AS order_hash, concat('0x', lower(hex(owner))) AS"
                    + " maker, counterparty AS taker, if(side = 'BUY', '0', toString(token_id)) AS"
                    + " makerAssetId, if(side = 'BUY', toString(token_id), '0') AS takerAssetId,"
                    + " if(side = 'BUY', collateral, shares) AS makerAmountFilled, if(side ="
                    + " 'BUY', toString(shares), toString(collateral)) AS takerAmountFilled, fee"
                    + " FROM default.chain_fills ORDER BY block_number, log_index",
                "Parquet")) {
      Files.copy(rows, file);
    }
  }

  private Program.Result run(int exitCode, String... arguments) {
    Program.Result result = Program.runHere(bed, arguments);
    assertEquals(exitCode, result.exitCode(), String.join(" ", arguments) + " " + result);
    return result;
  }

  @Test
  void aLoadedFile_isInTheTable_andLoadingItTwiceStoresNothingTwice() throws Exception {
    fillTheTable(60_000);
    Path file = folder.resolve("v1.parquet");
    write(file, "contract");
    String wanted = String.valueOf(TestBed.clickHouse().value(SUM));
    Program.Result first = run(0, "load", "chain-fills", file.toString(), "--sample", "0");
    assertTrue(
        first
            .out()
            .contains(
                "60,000 rows, 60,000 fills: 60,000 loaded, 0 loaded before, 0 known from"
                    + " elsewhere"),
        first.out());
    assertEquals(wanted, run(0, "sql", SUM).out().strip());
    Program.Result second = run(0, "load", "chain-fills", file.toString(), "--sample", "0");
    assertTrue(
        second.out().contains("0 loaded, 60,000 loaded before, 0 known from elsewhere"),
        second.out());
    assertEquals("60000", run(0, "sql", "SELECT count() FROM default.chain_fills").out().strip());
  }

  @Test
  void aFileWithoutANeededColumn_isRefused_withTheExpectedNames() throws Exception {
    fillTheTable(300);
    Path file = folder.resolve("short.parquet");
    write(file, null);
    Program.Result result = run(1, "load", "chain-fills", file.toString(), "--sample", "0");
    assertTrue(
        result.err().contains("has no column for exchange: looked for contract, exchange"),
        result.err());
    Path broken = folder.resolve("broken.parquet");
    Files.writeString(broken, "no Parquet");
    Program.Result unread = run(1, "load", "chain-fills", broken.toString());
    assertTrue(unread.err().contains(broken + " cannot be loaded: "), unread.err());
    Path elsewhere = Files.createTempFile("elsewhere", ".parquet");
    Program.Result refused = run(1, "load", "chain-fills", elsewhere.toString(), "--sample", "0");
    assertTrue(refused.err().contains("clickhouse.embedded.files"), refused.err());
    Files.delete(elsewhere);
  }

  @Test
  void aSampleOfTheFile_isComparedWithALiveSource() throws Exception {
    bed.sandbox().settings().forEach(bed::set);
    bed.set("chain.sources", "sqd");
    Views.create(TestBed.clickHouse(), "chain");
    // the last blocks of V1
    long last = 86_126_998L;
    TestBed.clickHouse()
        .insert(
            "default.chain_from_polygon",
            String.join(
                    "\n",
                    bed.sandbox()
                        .truth()
                        .lines("logs?address=all&from=" + (last - 400) + "&to=" + last, ""))
                .getBytes(StandardCharsets.UTF_8),
            "logs");
    Path file = folder.resolve("right.parquet");
    write(file, "contract");
    Program.Result same = run(0, "load", "chain-fills", file.toString(), "--sample", "2");
    Matcher samples =
        Pattern.compile("sample of .*: ([1-9]\\d*) fills in the file, \\1 in the source, the same")
            .matcher(same.out());
    assertEquals(2, samples.results().count(), same.out());
    TestBed.clickHouse()
        .execute(
            "ALTER TABLE default.chain_fills UPDATE fee = fee + 1 WHERE 1 SETTINGS mutations_sync"
                + " = 1");
    Path wrong = folder.resolve("wrong.parquet");
    write(wrong, "contract");
    bed.set("clickhouse.data", folder.resolve("other").toString())
        .set("runtime.dir", folder.resolve("runtime").toString());
    Program.Result differs = run(3, "load", "chain-fills", wrong.toString(), "--sample", "1");
    assertTrue(differs.out().contains("THEY DIFFER"), differs.out());
  }
}
