package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.OutputType;
import polymarket.backfill.TestBed;
import polymarket.backfill.http.Browser;
import polymarket.backfill.sandbox.SandboxOptions;

/** The page of {@code audit --report} in a real browser. */
class AuditPageIT {

  private static final long FIRST = 86_126_000L;
  private static final long LAST = 86_126_500L;

  /** What a hostile source could have a table's value be. */
  private static final String HOSTILE = "<script>document.title = \"run\"</script>";

  /**
   * The texts whose contrast to what is behind them is less than the 4.5 of WCAG 2.1, 1.4.3, and
   * the charts' parts with less than the 3 of 1.4.11.
   */
  private static final String PALE =
      """
      const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
      const light = colour => {
        const [r, g, b] = colour.slice(0, 3).map(c => c / 255)
          .map(c => c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const paper = light(rgb(getComputedStyle(document.body).backgroundColor));
      const contrast = colour => {
        const l = light(rgb(colour));
        return (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05);
      };
      const pale = new Set();
      for (const one of document.querySelectorAll('h1, h2, p, th, td, pre, svg text')) {
        const style = getComputedStyle(one);
        const colour = one.closest('svg') ? style.fill : style.color;
        if (contrast(colour) < 4.5) pale.add(one.tagName + ' ' + colour);
      }
      for (const one of document.querySelectorAll('svg rect:not(.gap)')) {
        const colour = getComputedStyle(one).fill;
        if (contrast(colour) < 3) pale.add('rect ' + colour);
      }
      return [...pale];
      """;

  @Test
  void theReport_hasItsCharts_loadsNothing_isReadableInBothColours_andKeepsValuesText()
      throws Exception {
    try (Browser browser = Browser.startOrSkip();
        TestBed bed =
            SourceBed.start(
                new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(1000))) {
      bed.set("chain.span", 500).set("chain.sources", "sqd");
      bed.sandbox().settings().forEach(bed::set);
      bed.sandbox().fault("kind=drop-log,source=sqd,share=0.005");
      assertEquals(0, exit(bed, "run", "chain", "--from", "" + FIRST, "--to", "" + LAST));
      assertEquals(0, exit(bed, "positions"), () -> SourceBed.said(bed));
      Path wallets = bed.home().resolve("wallets.txt");
      Files.write(
          wallets,
          TestBed.sql("SELECT DISTINCT wallet FROM default.wallet_positions LIMIT 20").stream()
              .map(row -> (String) row.get("wallet"))
              .toList());
      assertEquals(
          0, exit(bed, "run", "wallets", "--ids", "" + wallets), () -> SourceBed.said(bed));
      TestBed.clickHouse()
          .execute(
              "INSERT INTO default.chain_ranges (dataset, first, last, source, logs, last_hash,"
                  + " batch, fetched_at) SELECT '"
                  + HOSTILE
                  + "', 86126100, 86126200, 'sqd', 3, '', 'b', now64(3)");
      Path page = bed.home().resolve("audit.html");
      assertEquals(3, exit(bed, "audit", "--report", "" + page), () -> SourceBed.said(bed));

      browser.open(page.toUri().toString());
      String text = browser.text();
      for (String part :
          List.of(
              "Where laws are broken",
              "Differences to the Data API's positions, by kind",
              "Blocks that were fetched of each dataset",
              "What the laws supply and balances were held against",
              HOSTILE)) {
        assertTrue(text.contains(part), () -> part + " in " + text);
      }
      assertTrue(text.contains("opening balance unknown"), text);
      assertFalse(text.contains("unexplained"), text);
      assertEquals(
          List.of(),
          browser.run(
              """
              return [...document.querySelectorAll('svg')]
                .map(svg => [...svg.querySelectorAll('text[text-anchor=end]')].map(t => t.textContent))
                .filter(labels => new Set(labels).size < labels.length || labels.some(l => l.endsWith('…')));
              """),
          "labels of lines and bars that are the same, or cut");
      assertEquals("Audit of the chain's logs", browser.driver().getTitle());
      assertEquals(0L, browser.run("return document.querySelectorAll('script').length;"));
      assertEquals(
          List.of(),
          browser.run("return performance.getEntriesByType('resource').map(r => r.name);"));
      assertTrue(
          (long) browser.run("return document.querySelectorAll('svg').length;") >= 6,
          "the strip, four charts of columns and the bars of differences");
      assertEquals(
          List.of(),
          browser.run(
              "return [...document.querySelectorAll('svg')].filter(svg =>"
                  + " svg.querySelectorAll('rect').length === 0 ||"
                  + " svg.getBoundingClientRect().height < 20).map(svg => svg.outerHTML);"));
      for (String colours : List.of("light", "dark")) {
        browser
            .driver()
            .executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of(
                    "features", List.of(Map.of("name", "prefers-color-scheme", "value", colours))));
        assertEquals(List.of(), browser.run(PALE), colours);
        for (int width : new int[] {1280, 390}) {
          browser
              .driver()
              .executeCdpCommand(
                  "Emulation.setDeviceMetricsOverride",
                  Map.of("width", width, "height", 844, "deviceScaleFactor", 1, "mobile", false));
          shoot(browser, colours + "-" + width);
          assertEquals(
              true,
              browser.run("return document.documentElement.scrollWidth <= window.innerWidth;"),
              "it is no wider than " + width);
        }
      }
    }
  }

  /** Keeps a picture of the whole page, to be looked at. */
  private static void shoot(Browser browser, String name) throws Exception {
    Object picture =
        browser
            .driver()
            .executeCdpCommand("Page.captureScreenshot", Map.of("captureBeyondViewport", true))
            .get("data");
    Path folder = Files.createDirectories(TestBed.PROJECT.resolve("target/screenshots"));
    Files.write(
        folder.resolve("audit-" + name + ".png"),
        OutputType.BYTES.convertFromBase64Png((String) picture));
  }

  private static int exit(TestBed bed, String... arguments) throws Exception {
    return SourceBed.run(bed, arguments);
  }
}
