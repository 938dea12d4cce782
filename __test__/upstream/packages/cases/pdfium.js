'use strict'

// Two pages with lines, a curve and text in a standard font.
function pdf () {
  const stream = (text) => `<< /Length ${Buffer.byteLength(text)} >>\nstream\n${text}\nendstream`
  const page = (content) => `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 240 160] /Resources << /Font << /F1 5 0 R >> >> /Contents ${content} 0 R >>`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>',
    page(6),
    page(7),
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    stream('0.8 0.9 1 rg 0 0 240 160 re f 1 0 0 RG 2 w 10 10 m 230 150 l S 0 0.5 0 rg 60 60 m 100 150 150 150 200 60 c f BT /F1 20 Tf 0 g 30 30 Td (emvm 42) Tj ET'),
    stream('BT /F1 12 Tf 20 120 Td 14 TL (Second) Tj T* (page) Tj ET')
  ]
  let text = '%PDF-1.4\n'
  const offsets = objects.map((object, i) => {
    const offset = text.length
    text += `${i + 1} 0 obj\n${object}\nendobj\n`
    return offset
  })
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const start = text.length
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

module.exports = {
  package: '@hyzyla/pdfium',
  source: '@hyzyla/pdfium/dist/index.cjs',
  options: ({ at }) => ({ wasm: at('@hyzyla/pdfium/dist/pdfium.wasm') }),
  wrapper: { file: '@hyzyla/pdfium/dist/index.cjs', factory: 'vendor: PDFiumModule' },
  async job ({ PDFiumLibrary }, { read, tools }) {
    const bytes = read('@hyzyla/pdfium/dist/pdfium.wasm')
    const library = await PDFiumLibrary.init({ wasmBinary: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) })
    const document = await library.loadDocument(pdf())
    const out = [document.getPageCount()]
    for (const page of document.pages()) {
      out.push(page.getText(), page.getOriginalSize())
      const { width, height, data } = await page.render({ scale: 2, render: 'bitmap' })
      out.push(width, height, data)
    }
    document.destroy()
    out.push(await library.loadDocument(tools.bytes(300)).then(() => 'opened', (error) => error.message))
    library.destroy()
    return out
  }
}
